/**
 * Kernel modules from the files of the host, in the order that depmod wrote down: one system call each, where modprobe is a process
 * and a library for cryptography of 6.5 MB that it never calls to load one. Pure, and without regular expressions, which the CNI plugins'
 * program has not.
 */

const MODULES = '/lib/modules'
/** Where modprobe.d(5) has its lines. In a container the host's /etc is mounted; what a distribution forbids is there. */
const CONFIGURATION = ['/etc', '/run', '/usr/local/lib', '/usr/lib', '/lib'].map((at) => `${at}/modprobe.d`)
/** What the host wants for them is its own modprobe's matter: commands in their place, options, and others that go first. */
const DIRECTIVES: readonly string[] = ['install', 'options', 'softdep', 'weakdep']
const MODULE_INIT_COMPRESSED_FILE = 4

/** What is asked of the host. */
export interface ModuleHost {
  /** Names in a folder; none where there is no such folder. */
  list(folder: string): readonly string[]
  /** Empty where it cannot be read. */
  read(path: string): string
  isLoaded(name: string): boolean
}

const underscored = (name: string): string => name.replaceAll('-', '_')

/** Is there while the module is loaded, and for most that are built in: those without parameters of their own have no such folder then. */
export const moduleFolder = (name: string): string => `/sys/module/${underscored(name)}`

/** Flags of finit_module(2): the kernel unpacks what depmod's files name with another ending. */
export const loadFlags = (path: string): number => (path.endsWith('.ko') ? 0 : MODULE_INIT_COMPRESSED_FILE)

/** Without folder and endings: `.ko`, or `.ko.xz`. */
function nameOf(path: string): string {
  const file = path.slice(path.lastIndexOf('/') + 1)
  const end = file.lastIndexOf('.ko')
  return underscored(end < 0 ? file : file.slice(0, end))
}

/** Modules that lines of modprobe.d(5), or of modules.softdep, say something about. */
export function configuredModules(text: string): ReadonlySet<string> {
  const names = new Set<string>()
  for (const line of text.replaceAll('\\\n', ' ').replaceAll('\t', ' ').split('\n')) {
    const [directive = '', name = ''] = line.split(' ').filter((word) => word !== '')
    if (DIRECTIVES.includes(directive) && name !== '') names.add(underscored(name))
  }
  return names
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
  const wanted = new Set(names.map(underscored))
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

/**
 * Paths of the files to load for modules on a host.
 * @param release of its running kernel
 */
export function pathsToLoad(names: readonly string[], release: string, host: ModuleHost): string[] {
  const folder = `${MODULES}/${release}`
  const configuration = CONFIGURATION.flatMap((at) =>
    host
      .list(at)
      .filter((name) => name.endsWith('.conf'))
      .map((name) => `${at}/${name}`),
  )
  const texts = [`${folder}/modules.softdep`, ...configuration].map((path) => host.read(path))
  const files = filesToLoad(names, host.read(`${folder}/modules.dep`), {
    configured: configuredModules(texts.join('\n')),
    loaded: (name) => host.isLoaded(name),
  })
  return files.map((file) => `${folder}/${file}`)
}
