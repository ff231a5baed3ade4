/** A file of its own, so that it is loaded late and without the rest of the package. */
export { XMLParser } from 'fast-xml-parser';
