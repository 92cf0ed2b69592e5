// Where the lab keeps what is slow to make: one folder an entry, named by what it was made from.

import { createHash } from 'node:crypto'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rename, rm, stat, utimes } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join, relative } from 'node:path'

/** `$PODROUTE_CACHE`, else `~/.cache/podroute`. */
export function cacheDirectory(): string {
  return process.env.PODROUTE_CACHE || join(homedir(), '.cache', 'podroute')
}

/** A short name for a list of texts: another text anywhere, another name. */
export function fingerprint(parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(`${part.length}:`).update(part)
  return hash.digest('hex').slice(0, 16)
}

/** Fingerprint of files by path and content. */
export function fingerprintFiles(
  root: string,
  files: readonly string[],
  extra: readonly string[] = [],
): string {
  const parts: (string | Uint8Array)[] = [...extra]
  for (const file of [...files].sort()) {
    parts.push(relative(root, file), statSync(file).mode & 0o111 ? 'x' : '-', readFileSync(file))
  }
  return fingerprint(parts)
}

export interface CacheEntry {
  readonly directory: string
  /** False when it was there already. */
  readonly made: boolean
}

/**
 * The folder `<cache>/<kind>/<key>`, made by `make` in a folder beside it that is renamed when complete, so
 * that an interrupted start never leaves half an entry. Of the other entries of the kind those used last stay,
 * up to `keep` (default 3) in all.
 */
export async function cached(
  kind: string,
  key: string,
  make: (directory: string) => Promise<void>,
  keep = 3,
): Promise<CacheEntry> {
  const parent = join(cacheDirectory(), kind)
  const directory = join(parent, key)
  if (existsSync(directory)) {
    await utimes(directory, new Date(), new Date()) // prune() goes by last use
    return { directory, made: false }
  }
  await mkdir(parent, { recursive: true, mode: 0o755 })
  const partial = await mkdtemp(join(parent, '.partial-'))
  try {
    await make(partial)
    await rename(partial, directory).catch((error: NodeJS.ErrnoException) => {
      // Somebody else made the same entry meanwhile.
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error
    })
  } finally {
    await rm(partial, { recursive: true, force: true })
  }
  await prune(parent, key, keep)
  return { directory, made: true }
}

async function prune(parent: string, newest: string, keep: number): Promise<void> {
  const names = (await readdir(parent)).filter((name) => !name.startsWith('.') && name !== newest)
  const aged = await Promise.all(
    names.map(async (name) => ({ name, time: (await stat(join(parent, name))).mtimeMs })),
  )
  aged.sort((a, b) => b.time - a.time)
  for (const { name } of aged.slice(keep - 1)) await rm(join(parent, name), { recursive: true, force: true })
}
