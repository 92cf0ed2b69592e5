/** A feature's part of the configuration file: its top-level keys with schema and defaults, and the settings that follow from them. */
import type * as z from 'zod'
import type { Flag, FlagInput } from './flag.ts'

/** What a section is read with. */
export interface SectionInput extends FlagInput {
  /** The same of a file that may be there or not, and may come and go: undefined where it is not, or is empty. */
  readSecretIfThere(file: string): string | undefined
  /** The same of a file whose problems concern only a part of the settings. */
  trySecret(file: string): { readonly text: string } | { readonly problem: string }
}

/** Keys that say what is true of the whole cluster: every feature may read them. */
export interface ClusterRanges {
  /** Ranges that Services take their addresses from. */
  readonly serviceCIDRs: readonly string[]
  /** Ranges that nodes take their addresses from; none: not told. */
  readonly nodeCIDRs: readonly string[]
}

export interface Section<Shape extends z.ZodRawShape, Settings> {
  readonly shape: Shape
  /** Flags of the command line that override a key: `--run-pod-network` overrides `podNetwork.enabled`. */
  readonly switches?: Readonly<Record<string, readonly string[]>>
  /** Flags of kube-router that are the feature's to understand. */
  readonly kubeRouterFlags?: readonly Flag[]
  /** Of a file that the schema has checked; undefined where the feature is switched off. */
  settings(file: z.infer<z.ZodObject<Shape>> & ClusterRanges, input: SectionInput): Settings | undefined
}

/** A section whose types are known to its feature alone. */
export interface AnySection {
  readonly shape: z.ZodRawShape
  readonly switches: Readonly<Record<string, readonly string[]>>
  readonly kubeRouterFlags: readonly Flag[]
  settings(file: Readonly<Record<string, unknown>>, input: SectionInput): unknown
}

/** Lets the types of a section go: the agent loops over sections of any kind. */
export function anySection<Shape extends z.ZodRawShape, Settings>(
  section: Section<Shape, Settings>,
): AnySection {
  return {
    shape: section.shape,
    switches: section.switches ?? {},
    kubeRouterFlags: section.kubeRouterFlags ?? [],
    settings: (file, input) => section.settings(file as z.infer<z.ZodObject<Shape>> & ClusterRanges, input),
  }
}
