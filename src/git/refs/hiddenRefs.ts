/** Refs that a server hides (`transfer.hideRefs` and similar settings, git-config(1)). */

/**
 * @param patterns the values in the order of the configuration: the last matching one decides
 * @returns whether a ref is hidden
 */
export function hiddenRefs(patterns: readonly string[]): (ref: string) => boolean {
  const rules = patterns.toReversed().map((pattern) => {
    const shown = pattern.startsWith('!');
    // `^` means the name before a namespace is removed. There are no namespaces here.
    const name = pattern
      .slice(shown ? 1 : 0)
      .replace(/^\^/, '')
      .replace(/\/+$/, '');
    return { name, shown };
  });
  return (ref) => {
    const rule = rules.find(({ name }) => ref === name || ref.startsWith(`${name}/`));
    return rule !== undefined && !rule.shown;
  };
}
