// Who follows what peers send, path by path: BMP.
import type { Family } from '../config.ts'
import type { Source } from './source.ts'

export interface RibObserver {
  /** A path of the source was announced, changed, judged anew or withdrawn. */
  changed(source: Source, family: Family, prefix: number, pathId: number): void
  /** The prefix waits to be told: its id must not be reused. */
  holds(family: Family, prefix: number): boolean
}
