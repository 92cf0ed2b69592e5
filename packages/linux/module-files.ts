/**
 * Kernel modules from the files of the host, in the order that depmod wrote down: one system call each, where modprobe is a process
 * and a library for cryptography of 6.5 MB that it never calls to load one. Pure.
 */

const nameOf = (path: string): string =>
  (path.split('/').at(-1) ?? '').replace(/\.ko(\.\w+)?$/, '').replaceAll('-', '_')

/** What the host wants for them is its own modprobe's matter: commands in their place, options, and others that go first. */
const DIRECTIVES = /^\s*(?:install|options|softdep|weakdep)\s+(\S+)/gm

/** Modules that lines of modprobe.d(5), or of modules.softdep, say something about. */
export function configuredModules(text: string): ReadonlySet<string> {
  return new Set([...text.matchAll(DIRECTIVES)].map(([, name = '']) => name.replaceAll('-', '_')))
}

/**
 * Files to load for modules, each after what it needs; without modules that are loaded, that the host says something about, or need such a one.
 * @param dependencies text of modules.dep: `FILE: FILE…`, what has to be loaded first last
 */
export function filesToLoad(
  names: readonly string[],
  dependencies: string,
  { configured, loaded }: { configured: ReadonlySet<string>; loaded: (name: string) => boolean },
): string[] {
  const wanted = new Set(names)
  const files = new Set<string>()
  for (const line of dependencies.split('\n')) {
    const [file = '', needed = ''] = line.split(':')
    if (!wanted.has(nameOf(file))) continue
    const chain = [
      ...needed
        .split(' ')
        .filter((path) => path !== '')
        .reverse(),
      file,
    ]
    if (chain.some((path) => configured.has(nameOf(path)))) continue
    for (const path of chain) if (!loaded(nameOf(path))) files.add(path)
  }
  return [...files]
}
