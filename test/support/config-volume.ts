/** The folder of a ConfigMap or Secret in a pod, changed as the kubelet does: a new version beside the old one, then one link is turned. */
import { mkdir, readdir, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const DATA = '..data'

export class ConfigVolume {
  readonly path: string
  #version = 0

  constructor(path: string) {
    this.path = path
  }

  file(name: string): string {
    return join(this.path, name)
  }

  /** Puts these files, by name, in place of those before. */
  async write(files: Readonly<Record<string, string>>): Promise<void> {
    const version = `..${++this.#version}`
    await mkdir(join(this.path, version), { recursive: true })
    for (const [name, text] of Object.entries(files)) await writeFile(join(this.path, version, name), text)
    const before = await readlink(join(this.path, DATA)).catch(() => undefined)
    await symlink(version, join(this.path, '..data_tmp'))
    await rename(join(this.path, '..data_tmp'), join(this.path, DATA))
    await this.#link(Object.keys(files))
    if (before !== undefined) await rm(join(this.path, before), { recursive: true })
  }

  /** The names that programs open lead through the link. */
  async #link(names: readonly string[]): Promise<void> {
    const shown = (await readdir(this.path)).filter((name) => !name.startsWith('..'))
    for (const name of shown) if (!names.includes(name)) await rm(join(this.path, name))
    for (const name of names)
      if (!shown.includes(name)) await symlink(join(DATA, name), join(this.path, name))
  }
}
