/** Whether two values of plain data are equal: texts, numbers, arrays, bytes and objects of them. */
export function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) || ArrayBuffer.isView(a)) return isSameList(a as ArrayLike<unknown>, b)
  if (Array.isArray(b) || ArrayBuffer.isView(b)) return false
  const keys = Object.keys(a)
  if (keys.length !== Object.keys(b).length) return false
  return keys.every((key) => key in b && isSame(a[key as keyof typeof a], b[key as keyof typeof b]))
}

function isSameList(a: ArrayLike<unknown>, b: object): boolean {
  if (!(Array.isArray(b) || ArrayBuffer.isView(b))) return false
  const other = b as unknown as ArrayLike<unknown>
  if (a.length !== other.length) return false
  for (let index = 0; index < a.length; index++) if (!isSame(a[index], other[index])) return false
  return true
}
