/**
 * Whether the engine takes a tag in If-Match of a PUT with its quotes, or only without them. Some want the
 * quotes; Ceph 16 refuses a tag with them, and says that as a conflict.
 */
import type { IncomingHttpHeaders } from 'node:http';

export type TagForm = 'quoted' | 'bare';

export class TagForms {
  #form: TagForm | undefined;
  #isSure = false;

  /** Undefined until it can be told. */
  get form(): TagForm | undefined {
    return this.#form;
  }

  /** Whether a swap in this form has worked: a conflict is one then. */
  get isSure(): boolean {
    return this.#isSure;
  }

  /** Ceph is known by the names it gives to requests. A wrong guess costs a request, no more. */
  guess(headers: IncomingHttpHeaders): void {
    if (this.#form !== undefined) return;
    const id = headers['x-amz-request-id'];
    this.#form = typeof id === 'string' && /^tx0/.test(id) ? 'bare' : 'quoted';
  }

  /** Records that a swap in this form has worked. */
  worked(form: TagForm): void {
    this.#form = form;
    this.#isSure = true;
  }
}

export function inForm(tag: string, form: TagForm): string {
  return form === 'quoted' ? `"${tag}"` : tag;
}
