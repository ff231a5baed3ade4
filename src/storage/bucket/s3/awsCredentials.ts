/** A file of its own, so that it is loaded late and without the rest of the package. */
export { defaultProvider } from '@aws-sdk/credential-provider-node';
