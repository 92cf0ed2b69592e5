/**
 * Makes the Helm chart, and the base of kustomize, of what is written elsewhere: templates of podroute.yaml, with values in a few places;
 * values.yaml with the configuration and its comments as the ConfigMap has them; and its schema, which is the agent's own. And of the
 * schemas of the configuration: its JSON schema, the reference with every option, and the tables of docs/configuration.md.
 * `node deploy/chart.ts` writes the files, a test holds them to it.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileSchema } from '@podroute/agent/config/base.ts'
import { FEATURES } from '@podroute/agent/features.ts'
import * as z from 'zod'
import { referenceFile } from './reference/file.ts'
import { type JsonSchema, optionsOf } from './reference/options.ts'
import { withTables } from './reference/page.ts'

const MANIFEST = join(import.meta.dirname, 'podroute.yaml')
export const CHART = join(import.meta.dirname, 'helm', 'podroute')
export const KUSTOMIZE = join(import.meta.dirname, 'kustomize')
export const REFERENCE = join(import.meta.dirname, 'podroute.config.yaml')
const CONFIG_SCHEMA = join(import.meta.dirname, 'podroute.schema.json')
const PAGE = join(import.meta.dirname, '..', 'docs', 'configuration.md')

/** The configuration in the manifest: what is indented below this line. */
const CONFIG = /^ {2}config\.yaml: \|\n((?: {4}.*\n|\n)+)/m

const WITH_CNI =
  '            {{- if dig "podNetwork" "cni" true (.Values.config | default dict) }}\n$&            {{- end }}\n'

/** Places of the manifest that values fill, each of which is there. */
const VALUES: readonly (readonly [place: RegExp, filling: string])[] = [
  [
    /^( *)image: .*\n\1imagePullPolicy: .*$/gm,
    '$1image: {{ include "podroute.image" . }}\n$1imagePullPolicy: {{ .Values.image.pullPolicy }}',
  ],
  // Another CNI plugin may have files of the same names.
  [/^ {12}- --install-cni=.*\n/m, WITH_CNI],
  [/^ {12}- name: cni-bin\n {14}.*\n/m, WITH_CNI],
  [/namespace: kube-system/g, 'namespace: {{ .Release.Namespace }}'],
  [CONFIG, '  config.yaml: |\n    {{- toYaml .Values.config | nindent 4 }}\n'],
  [
    /^( *)priorityClassName: .*$/m,
    '$1priorityClassName: {{ .Values.priorityClassName }}\n$1{{- with .Values.nodeSelector }}\n$1nodeSelector:\n$1  {{- toYaml . | nindent 8 }}\n$1{{- end }}',
  ],
  [
    /^( *)tolerations:\n(?:\1 +.*\n)+/m,
    '$1tolerations:\n$1  {{- toYaml .Values.tolerations | nindent 8 }}\n',
  ],
  [/^( *)resources:\n(?:\1 +.*\n)+/m, '$1resources:\n$1  {{- toYaml .Values.resources | nindent 12 }}\n'],
  [
    /^( *)updateStrategy:\n(?:\1 +.*\n)+/m,
    '$1updateStrategy:\n$1  {{- toYaml .Values.updateStrategy | nindent 4 }}\n',
  ],
]

function template(manifest: string): string {
  const body = manifest.slice(manifest.indexOf('---\n'))
  return VALUES.reduce((text, [place, filling]) => {
    const filled = text.replace(place, filling)
    if (filled === text) throw new Error(`podroute.yaml has no place like ${place}`)
    return filled
  }, body)
}

/** What stands in the manifest, between its own comments; the configuration as it is there. */
function values(manifest: string): string {
  const config = CONFIG.exec(manifest)![1]!.replaceAll(/^ {4}/gm, '  ').trimEnd()
  return `# Values of the chart; all that is said of the configuration is true of \`kubectl apply -f podroute.yaml\`, too.
image:
  repository: localhost/podroute
  # The chart's version where it is empty.
  tag: dev
  pullPolicy: IfNotPresent

# The agents' configuration: a change takes effect by itself, without a restart. What stands behind \`#=\` is an example, or the default.
config:
${config}

# Keys of the Secret podroute-secrets: \`mesh\` is the TCP-MD5 key of the sessions between nodes, others are named by \`passwordFile\`s above.
# Empty: the chart makes no Secret, and one of that name that you make yourself is used.
secrets: {}

# For \`config.metrics.tokenReview\`: the agents may ask the API server who reads their metrics.
metricsReader: false

${['updateStrategy', 'tolerations', 'resources'].map((name) => block(manifest, name)).join('\n')}
priorityClassName: system-node-critical
nodeSelector: {}
`
}

/** A key of the manifest with all that is below it, at the beginning of the line. */
function block(manifest: string, key: string): string {
  const [whole, indent] = new RegExp(`^( *)${key}:\\n(?:\\1 +.*\\n)+`, 'm').exec(manifest)!
  return whole.replaceAll(new RegExp(`^${indent}`, 'gm'), '')
}

const strings = { type: 'object', additionalProperties: { type: 'string' } }

/** Of values.yaml; a key that nobody knows is refused, in the configuration as well. */
function schema(): object {
  const config = jsonSchema()
  const object = (properties: Record<string, object>) => ({
    type: 'object',
    properties,
    additionalProperties: false,
  })
  return {
    $schema: config.$schema,
    title: 'podroute',
    ...object({
      global: { type: 'object' },
      image: object({
        repository: { type: 'string', minLength: 1 },
        tag: { type: 'string' },
        pullPolicy: { enum: ['Always', 'IfNotPresent', 'Never'] },
      }),
      config: { ...config, $schema: undefined },
      secrets: strings,
      metricsReader: { type: 'boolean' },
      updateStrategy: { type: 'object' },
      tolerations: { type: 'array', items: { type: 'object' } },
      resources: { type: 'object' },
      priorityClassName: { type: 'string' },
      nodeSelector: strings,
    }),
  }
}

/** Of the configuration file, with what each option does; unknown keys are refused. */
export function jsonSchema(): JsonSchema & { readonly $schema?: string } {
  return z.toJSONSchema(configSchema(), { io: 'input' }) as JsonSchema
}

function configurationFiles(): Readonly<Record<string, string>> {
  const { $schema, ...schema } = jsonSchema()
  const options = optionsOf(schema)
  return {
    [CONFIG_SCHEMA]: json({ $schema, title: 'podroute configuration', ...schema }),
    [REFERENCE]: referenceFile(options),
    [PAGE]: withTables(readFileSync(PAGE, 'utf8'), options),
  }
}

function json(value: object): string {
  return `${JSON.stringify(value, undefined, 2)}\n`
}

/** The agent's configuration file. */
export function configSchema(): z.ZodType {
  return fileSchema(FEATURES.map(({ section }) => section))
}

const METRICS_READER = join(import.meta.dirname, 'metrics-reader.yaml')

/** Files that are made of podroute.yaml and of the schemas, by their paths. */
export function madeFiles(): Readonly<Record<string, string>> {
  const manifest = readFileSync(MANIFEST, 'utf8')
  const metricsReader = readFileSync(METRICS_READER, 'utf8').replaceAll(
    'namespace: kube-system',
    'namespace: {{ .Release.Namespace }}',
  )
  return {
    [join(CHART, 'templates', 'podroute.yaml')]: template(manifest),
    [join(CHART, 'templates', 'metrics-reader.yaml')]:
      `{{- if .Values.metricsReader }}\n${metricsReader}{{- end }}\n`,
    [join(CHART, 'values.yaml')]: values(manifest),
    [join(CHART, 'values.schema.json')]: json(schema()),
    [join(KUSTOMIZE, 'base', 'podroute.yaml')]: manifest,
    ...configurationFiles(),
  }
}

if (import.meta.main) for (const [path, text] of Object.entries(madeFiles())) writeFileSync(path, text)
