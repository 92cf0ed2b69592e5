// Memory in use, for tests that bound it.
import v8 from 'node:v8'
import vm from 'node:vm'

let collect: (() => void) | undefined

/** Returns the bytes of live objects and their buffers, after garbage collection. */
export function heapInUse(): number {
  if (collect === undefined) {
    v8.setFlagsFromString('--expose-gc')
    collect = vm.runInNewContext('gc') as () => void
  }
  collect()
  collect()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
