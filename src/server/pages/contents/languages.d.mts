/** What is used of highlight.js. */
export declare const hljs: {
  highlight(
    text: string,
    options: { readonly language: string; readonly ignoreIllegals?: boolean },
  ): { readonly value: string };
  getLanguage(name: string): unknown;
};
