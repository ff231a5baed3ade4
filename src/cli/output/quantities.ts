/** Counts, sizes, rates and times as people read them. */
import { sizeText } from '../../byteSize.ts';

export { sizeText };

/** `15,036`, and with what is counted, a plural: `15,036 files`, `1 file`. */
export function countText(count: number, unit = ''): string {
  const digits = String(count).replace(/\B(?=(?:\d{3})+$)/g, ',');
  return unit === '' ? digits : `${digits} ${count === 1 ? unit.replace(/s$/, '') : unit}`;
}

/** @param rate bytes a second */
export function rateText(rate: number): string {
  return `${sizeText(rate)}/s`;
}

/** A duration as `5 s`, `2 min 10 s`, `1 h 5 min`. */
export function timeText(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${whole % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
