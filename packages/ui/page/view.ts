/** A view of the page. */
import type { State } from './state.ts'

export interface View {
  readonly name: string
  readonly element: HTMLElement
  /** The state is another one, or the view is shown. Called at most once a frame, and only while it is shown. */
  update(state: State): void
  /** Returns whether the key meant something. */
  key?(key: string): boolean
}

/** What views do to each other. */
export interface Shell {
  readonly state: State
  choose(node: string): void
  show(view: string): void
  /** To explain the way to it. */
  explain(to: string): void
  /** Something is to be drawn anew. */
  changed(): void
}
