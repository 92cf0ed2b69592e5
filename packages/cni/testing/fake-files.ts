// A file tree in memory with the few kinds of nodes that the plugins use.

import { FakeSystemError } from './fake-error.ts'

interface Node {
  kind: 'file' | 'directory' | 'link'
  text: string
  mode: number
  inode: number
  seconds: number
  nanoseconds: number
  links: number
}

/** Coarse kernel time: never the plugins' own stamp. */
const KERNEL_NANOSECONDS = 4_000_000

export class FakeFiles {
  private readonly nodes = new Map<string, Node>()
  private nextInode = 100
  /** Set to refuse every change below a path, as a full or read-only file system does. */
  refuse: { path: string; code: string } | undefined

  constructor() {
    this.nodes.set('/', this.node('directory', '', 0o755))
  }

  private node(kind: Node['kind'], text: string, mode: number): Node {
    const inode = this.nextInode++
    return { kind, text, mode, inode, seconds: 1_800_000_000, nanoseconds: KERNEL_NANOSECONDS, links: 1 }
  }

  private get(path: string): Node {
    const node = this.nodes.get(path)
    if (node === undefined) throw new FakeSystemError('ENOENT', path)
    return node
  }

  private parent(path: string): Node {
    const slash = path.lastIndexOf('/')
    const parent = this.get(slash <= 0 ? '/' : path.slice(0, slash))
    if (parent.kind !== 'directory') throw new FakeSystemError('ENOTDIR', path)
    return parent
  }

  private checkWritable(path: string): void {
    if (this.refuse !== undefined && path.startsWith(this.refuse.path))
      throw new FakeSystemError(this.refuse.code, path)
  }

  private insert(path: string, node: Node): void {
    const parent = this.parent(path)
    this.checkWritable(path)
    if (this.nodes.has(path)) throw new FakeSystemError('EEXIST', path)
    this.nodes.set(path, node)
    this.touch(parent)
  }

  private touch(node: Node): void {
    node.seconds++
    node.nanoseconds = KERNEL_NANOSECONDS
  }

  exists(path: string): boolean {
    return this.nodes.has(path)
  }

  read(path: string): string {
    const node = this.get(path)
    if (node.kind === 'directory') throw new FakeSystemError('EISDIR', path)
    return node.text
  }

  write(path: string, text: string, mode?: number): void {
    const node = this.nodes.get(path)
    if (node === undefined) {
      if (mode === undefined) throw new FakeSystemError('ENOENT', path)
      this.insert(path, this.node('file', text, mode))
      return
    }
    this.checkWritable(path)
    if (node.kind === 'directory') throw new FakeSystemError('EISDIR', path)
    node.text = text
  }

  makeDirectory(path: string, mode = 0o755): void {
    this.insert(path, this.node('directory', '', mode))
  }

  makeDirectories(path: string): void {
    if (this.exists(path)) return
    this.makeDirectories(path.slice(0, path.lastIndexOf('/')) || '/')
    this.makeDirectory(path)
  }

  list(path: string): string[] {
    if (this.get(path).kind !== 'directory') throw new FakeSystemError('ENOTDIR', path)
    const prefix = path === '/' ? '/' : `${path}/`
    return [...this.nodes.keys()]
      .filter((name) => name !== '/' && name.startsWith(prefix) && !name.slice(prefix.length).includes('/'))
      .map((name) => name.slice(prefix.length))
  }

  remove(path: string): void {
    const node = this.get(path)
    this.checkWritable(path)
    if (node.kind === 'directory') throw new FakeSystemError('EISDIR', path)
    node.links--
    this.nodes.delete(path)
    this.touch(this.parent(path))
  }

  rename(from: string, to: string): void {
    const node = this.get(from)
    this.checkWritable(to)
    const old = this.nodes.get(to)
    if (old === node) return // POSIX: both names are one file
    this.nodes.set(to, node)
    this.nodes.delete(from)
    this.touch(this.parent(to))
  }

  link(from: string, to: string): void {
    const node = this.get(from)
    this.insert(to, node)
    node.links++
  }

  symbolicLink(target: string, path: string): void {
    this.insert(path, this.node('link', target, 0o777))
  }

  readLink(path: string): string {
    const node = this.get(path)
    if (node.kind !== 'link') throw new FakeSystemError('EINVAL', path)
    return node.text
  }

  status(path: string) {
    const { kind, mode, inode, seconds, nanoseconds, text, links } = this.get(path)
    const type = kind === 'directory' ? 0o040000 : kind === 'link' ? 0o120000 : 0o100000
    return { mode: type | mode, device: 1, inode, seconds, nanoseconds, size: text.length, links }
  }

  setModified(path: string, seconds: number, nanoseconds: number): void {
    this.checkWritable(path)
    Object.assign(this.get(path), { seconds, nanoseconds })
  }
}
