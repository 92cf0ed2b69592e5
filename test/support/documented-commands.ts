/** The commands that pages for users show, and what runs each: test/api/documented.test.ts as it stands there, another test, or nothing, with why. */
import { globSync, readFileSync } from 'node:fs'
import { commandsOf, fencesOf } from './documents.ts'

export interface Documented {
  readonly page: string
  /** Behind the backticks. */
  readonly language: string
  readonly command: string
}

const isShell = ({ language, text }: { language: string; text: string }) =>
  /^sh\b/.test(language) || (language === '' && /^(npm|kubectl|docker|podroute|node) /m.test(text))

export function documentedCommands(): readonly Documented[] {
  return ['README.md', 'CONTRIBUTING.md', ...globSync('docs/*.md').sort()].flatMap((page) =>
    fencesOf(readFileSync(page, 'utf8'))
      .filter(isShell)
      .flatMap(({ text, language }) =>
        commandsOf(text)
          .filter((command) => language !== '' || /^(npm|kubectl|docker|podroute|node|sed) /.test(command))
          .map((command) => ({ page, language, command })),
      ),
  )
}

/** Beginnings of commands that are run against a real API server and real agents, in this order; of each all that begin so. */
export const RUN_IN_ORDER: readonly string[] = [
  // Installing, and a look at it.
  "sed -i 's#localhost/podroute:dev#IMAGE#' deploy/podroute.yaml",
  'kubectl apply -f deploy/',
  'kubectl -n kube-system rollout status',
  'kubectl -n kube-system exec ds/podroute',
  'kubectl get nodes',
  'kubectl apply -k deploy/kustomize/overlays/',
  // Using it.
  'kubectl -n kube-system create secret',
  'kubectl -n kube-system patch secret',
  'kubectl patch service',
  'kubectl annotate node',
  'podroute policy',
  'podroute drops',
  'podroute explain',
  // Coming from another one.
  'kubectl -n kube-system patch daemonset',
  'kubectl -n metallb-system patch daemonset',
  'kubectl drain $NODE',
  'kubectl label node',
  'kubectl -n kube-system get pods',
  'kubectl uncordon',
  // Leaving.
  'kubectl delete -f deploy/podroute.yaml',
]

/** What one of these is, `RUN_IN_ORDER` does not run; more than the command has to fit where it says a page or a fence. */
interface Elsewhere {
  readonly command: RegExp
  readonly page?: RegExp
  readonly language?: RegExp
  /** Its file, or why nothing runs it. */
  readonly by: string | { readonly none: string }
}

const TOO_LONG = { none: 'a measurement, or a tier that takes long: run where it is asked for' }
const NO_KUBELET = {
  none: 'it starts a pod of IMAGE on a node; what runs in there is run by test/api/commands.test.ts',
}

export const ELSEWHERE: readonly Elsewhere[] = [
  { command: /./, page: /^docs\/lab\.md$/, language: /^sh \w/, by: 'test/document/lab.test.ts' },
  { command: /./, language: /^sh node (nftables|ipvs)$/, by: 'test/migration/kube-proxy.test.ts' },
  { command: /./, language: /^sh node (first|then)$/, by: 'test/kube-router/kube-router.test.ts' },
  { command: /./, language: /^sh gobgp$/, by: 'test/interop/routers-doc.test.ts' },
  { command: /^npm run lab$/, by: 'test/cluster/cluster.test.ts' },
  { command: /^npm run lab -- down$/, by: 'test/cluster/nothing-left.ts' },
  { command: /^npm run lab -- /, by: { none: 'a look at a lab that runs' } },
  { command: /^npm test$/, by: '.ci/run' },
  { command: /^npm (test -- |run bench)/, by: TOO_LONG },
  { command: /^npm run images -- --local/, by: TOO_LONG },
  { command: /^npm run images/, by: 'test/document/release-images.test.ts' },
  { command: /^npm run release -- \S+ --dry-run$/, by: 'test/release.test.ts' },
  { command: /^npm run release/, by: { none: 'it tags, pushes and signs' } },
  { command: /^docker build .*IMAGE/, by: { none: 'it pushes to a registry' } },
  { command: /^docker build -f/, by: 'test/document/dockerfile.test.ts' },
  {
    command: /^docker (buildx|save)/,
    by: { none: 'it needs a registry of images of another processor, or a node to copy to' },
  },
  { command: /^node deploy\/sbom\.ts/, by: 'test/document/image.test.ts' },
  { command: /^(cosign|sha256sum)/, by: 'test/cosign/cosign.test.ts' },
  {
    command: /^helm install/,
    by: { none: 'test/document/install.test.ts renders the chart, and finds it to be deploy/podroute.yaml' },
  },
  { command: /^kubectl (debug|drain NODE)/, by: NO_KUBELET },
  { command: /^kubectl podroute ui$/, by: 'test/cluster/plugin.ts' },
  { command: /^podroute drops --follow$/, by: 'packages/cli/page-follow.test.ts' },
]

/** What beside `RUN_IN_ORDER` runs it; undefined: nobody has said. */
export function elsewhere({ page, language, command }: Documented): Elsewhere | undefined {
  return ELSEWHERE.find(
    (one) =>
      one.command.test(command) && (one.page?.test(page) ?? true) && (one.language?.test(language) ?? true),
  )
}
