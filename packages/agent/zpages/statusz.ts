/** `/statusz` as components of Kubernetes have it (KEP-4827): which program this is, since when it runs, and what else can be asked of it. */
import { type Answer, type Handler, text } from '@podroute/feature/listener.ts'

export interface StatuszSource {
  readonly version: string
  /** When the process began. */
  readonly started: Date
  /** Seconds that it runs. */
  uptime(): number
  /** Pages of the same server. */
  readonly paths: readonly string[]
}

const NAME = 'podroute'
/** As the API server says it, so that nobody parses the text. */
const WARNING =
  'Warning: This endpoint is not meant to be machine parseable, has no formatting compatibility guarantees and is for debugging purposes only.'
/** What Kubernetes 1.35 serves; JSON has to be asked for by its group, version and kind. */
const API_VERSION = 'config.k8s.io/v1alpha1'
const JSON_TYPE = /^application\/json;(?=.*\bv=v1alpha1\b)(?=.*\bg=config\.k8s\.io\b)(?=.*\bas=Statusz\b)/
const TEXT_TYPE = /^(text\/plain|text\/\*|\*\/\*)(;|$)/

export function statuszPage(source: StatuszSource): Handler {
  return (path, { accept = '' } = {}) => {
    if (path !== '/statusz') return undefined
    const types = accept.split(',').map((type) => type.replaceAll(' ', ''))
    for (const type of types) {
      if (type === '' || TEXT_TYPE.test(type)) return text(statuszText(source))
      if (JSON_TYPE.test(type)) return statuszJson(source)
    }
    return text(
      'only text/plain, or application/json;v=v1alpha1;g=config.k8s.io;as=Statusz, can be had\n',
      406,
    )
  }
}

function statuszText(source: StatuszSource): string {
  const { version, started, paths } = source
  return `
${NAME} statusz
${WARNING}

Started: ${started.toUTCString()}
Up: ${duration(source.uptime())}
Node.js version: ${process.version}
Binary version: ${version}
Paths: ${paths.join(' ')}
`
}

/** The API requires a version of Go. */
function statuszJson(source: StatuszSource): Answer {
  const { version, started, paths } = source
  const body = {
    ...{ kind: 'Statusz', apiVersion: API_VERSION, metadata: { name: NAME } },
    startTime: started.toISOString().replace(/\.\d+Z$/, 'Z'),
    uptimeSeconds: Math.floor(source.uptime()),
    ...{ goVersion: '', binaryVersion: version, paths },
  }
  return { status: 200, type: 'application/json', body: JSON.stringify(body) }
}

function duration(seconds: number): string {
  const two = (value: number) => String(Math.floor(value)).padStart(2, '0')
  return `${Math.floor(seconds / 3600)} hr ${two((seconds / 60) % 60)} min ${two(seconds % 60)} sec`
}
