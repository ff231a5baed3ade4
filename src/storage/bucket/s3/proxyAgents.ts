/** A file of its own, so that it is loaded late and without the rest of the packages. */
export { HttpProxyAgent } from 'http-proxy-agent';
export { HttpsProxyAgent } from 'https-proxy-agent';
export { getProxyForUrl } from 'proxy-from-env';
