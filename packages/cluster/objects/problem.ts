/** A field of an API object that cannot be used; the rest of the object is. */
export interface FieldProblem {
  /** `spec.ports[0]` */
  readonly path: string
  /** `not an address: db-server` */
  readonly reason: string
}

export function problemText({ path, reason }: FieldProblem): string {
  return `${path}: ${reason}`
}
