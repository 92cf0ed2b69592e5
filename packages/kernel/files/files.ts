/** The node's files, as other programs read them: an effect. */
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { FilesApi } from '../kernel.ts'

export const nodeFiles: FilesApi = {
  read: (path) => unlessMissing(readFile(path, 'utf8')),
  async revision(path) {
    const found = await unlessMissing(stat(path, { bigint: true }))
    return found && [found.dev, found.ino, found.size, found.mtimeNs].join()
  },
  write: writeWhole,
  remove: (path) => rm(path, { force: true }),
}

async function unlessMissing<T>(result: Promise<T>): Promise<T | undefined> {
  try {
    return await result
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Written beside as `<path>.new`, synced, then renamed: who reads the path finds the old text or the new one. */
async function writeWhole(path: string, text: string, mode: number): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const beside = `${path}.new`
  try {
    await using file = await open(beside, 'w')
    await file.chmod(mode)
    await file.writeFile(text)
    await file.sync()
    await rename(beside, path)
  } catch (error) {
    await rm(beside, { force: true })
    throw error
  }
}
