// Small helpers for what may fail, or be there already.

import { codeOf, type System, unless } from '../system.ts'

/** False when a system call failed. */
export function tryTo(work: () => void): boolean {
  try {
    work()
    return true
  } catch (error) {
    if (codeOf(error) === undefined) throw error
    return false
  }
}

/** With those above it. */
export function makeDirectories(system: System, path: string): void {
  try {
    system.makeDirectory(path, 0o755)
  } catch (error) {
    const code = codeOf(error)
    if (code === 'EEXIST') return
    const slash = path.lastIndexOf('/')
    if (code !== 'ENOENT' || slash <= 0) throw error
    makeDirectories(system, path.slice(0, slash))
    unless(['EEXIST'], () => system.makeDirectory(path, 0o755))
  }
}
