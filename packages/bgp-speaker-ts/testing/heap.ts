// How much memory is in use, for tests that hold it to a bound.
import v8 from 'node:v8'
import vm from 'node:vm'

let collect: (() => void) | undefined

/** Bytes of live objects and of the buffers that they hold, after garbage collection. */
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
