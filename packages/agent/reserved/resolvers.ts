/** The resolvers that the node asks, as /etc/resolv.conf names them. */
import { readFileSync, realpathSync, watch } from 'node:fs'
import { basename, dirname } from 'node:path'
import { addressOf } from '@podroute/cluster/objects/fields.ts'

/** resolv.conf(5). A zone says which link, and link-local addresses are nobody's to take anyway. */
export function resolversIn(text: string): readonly string[] {
  const found = [...text.matchAll(/^[ \t]*nameserver[ \t]+([^\s%]+)/gm)]
  return found.map(([, address]) => addressOf(address)).filter((address) => address !== undefined)
}

/** Tells them now, and again when the file changes. A file that is not there names none. */
export function followResolvers(path: string, tell: (addresses: readonly string[]) => void): Disposable {
  const read = () => tell(resolversIn(textOf(path)))
  read()
  try {
    // Programs put a new file in its place, which a watch of the file itself would not see.
    const file = realpathSync(path)
    const watching = watch(dirname(file), { persistent: false }, (_, name) => {
      if (name === basename(file)) read()
    })
    watching.on('error', () => watching.close())
    return { [Symbol.dispose]: () => watching.close() }
  } catch {
    // No file, or no more watches to be had: what was read stands until the next start.
    return { [Symbol.dispose]() {} }
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
