/** Sizes, rates and times as people read them. */
import { sizeText } from '../store/sizeText.ts';

export { sizeText };

/** @param rate bytes a second */
export function rateText(rate: number): string {
  return `${sizeText(rate)}/s`;
}

/** A duration as `5s`, `2m 10s`, `1h 5m`. */
export function timeText(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole}s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes}m ${whole % 60}s`;
  return `${Math.floor(minutes / 60)}h ${minutes % 60}m`;
}
