/** A thing that annotations of a Node say, in one or several of them: it is right or wrong as a whole. */
import type { NodeSettings } from './node-settings.ts'

export interface Found {
  /** As it is written: `kube-router.io/peers`. */
  readonly name: string
  readonly text: string
}

/** An annotation by its name without the prefix. */
export type Find = (suffix: string) => Found | undefined

/** Names a mistake: where it is, and what would be right. Never called with what may be a password. */
export type Say = (path: string, message: string) => void

export interface Host {
  /** Whether the node has the address. */
  hasAddress(address: string): boolean
}

export interface Topic<Key extends keyof NodeSettings = keyof NodeSettings> {
  readonly key: Key
  /** Names of its annotations without their prefix. */
  readonly suffixes: readonly string[]
  /** What it returns counts where nothing was said. */
  parse(find: Find, say: Say, host: Host): NodeSettings[Key]
}

/** Between commas, without the space around them. */
export function listOf({ text }: Found): string[] {
  return text === '' ? [] : text.split(',').map((part) => part.trim())
}

/** Undefined where it is no whole number in decimal digits. */
export function numberOf(text: string): number | undefined {
  return /^\d{1,10}$/.test(text) ? Number(text) : undefined
}
