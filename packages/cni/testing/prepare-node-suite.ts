// What prepare-node does with the kubelet's files, in Node.js and in the plugins' program.

import { expect } from 'chai'

/** A node that is prepared. */
export interface PreparedNode {
  /** A folder for files, which is there. */
  readonly folder: string
  write(path: string, text: string): void
  read(path: string): string
  list(path: string): readonly string[]
  /** Lines that were printed, and the exit status. */
  prepare(words: readonly string[]): Promise<{ readonly said: readonly string[]; readonly status: number }>
}

const SERVER = 'https://192.0.2.1:6443'
const SECRET = 'not-for-the-agent'

/** As kubeadm writes it. */
const OF_KUBEADM = `apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCg==
    server: ${SERVER}
  name: kubernetes
contexts:
- context:
    cluster: kubernetes
    user: system:node:node-1
  name: system:node:node-1@kubernetes
current-context: system:node:node-1@kubernetes
kind: Config
preferences: {}
users:
- name: system:node:node-1
  user:
    client-certificate: /var/lib/kubelet/pki/kubelet-client-current.pem
    client-key-data: ${SECRET}
`

const OF_MANY = `# written by hand
---
apiVersion: v1
kind: "Config"
clusters:
  - name: other
    cluster:
      server: https://192.0.2.9
  - name: 'here'
    cluster:
      insecure-skip-tls-verify: true
      server: "${SERVER}"
contexts:
  - name: there
    context:
      cluster: other
      user: node
  - name: 'this one'
    context:
      cluster: here
      user: node
      namespace:
current-context: 'this one'
users:
  - name: node
    user:
      exec:
        apiVersion: client.authentication.k8s.io/v1
        command: aws
        args:
        - --region
        - eu-central-1
        env: null
      token: ${SECRET}
`

const OF_JSON = JSON.stringify({
  ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'here' },
  clusters: [{ name: 'kubernetes', cluster: { server: SERVER } }],
  contexts: [{ name: 'here', context: { cluster: 'kubernetes', user: 'node' } }],
  users: [{ name: 'node', user: { token: SECRET } }],
})

export const KUBECONFIGS: readonly string[] = [OF_KUBEADM, OF_MANY, OF_JSON]

/** What the agent is left with. */
const TAKEN = {
  ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'node' },
  clusters: [{ name: 'node', cluster: { server: SERVER } }],
  contexts: [{ name: 'node', context: { cluster: 'node', user: 'none' } }],
  users: [{ name: 'none', user: {} }],
}

export function describePrepareNode(open: () => PreparedNode): void {
  describe('prepare-node', () => {
    for (const [kind, text] of Object.entries({ kubeadm: OF_KUBEADM, hand: OF_MANY, JSON: OF_JSON }))
      it(`takes over where the API server is, and no credentials, of a kubeconfig by ${kind}`, async () => {
        const node = open()
        const [out, kubelet] = [`${node.folder}/run/out`, `${node.folder}/kubelet.conf`]
        node.write(kubelet, text)
        const { said, status } = await node.prepare([out, kubelet])
        expect(said.join('\n'), status.toString()).to.include(`${kubelet}: the API server is ${SERVER}`)
        expect(status).to.equal(0)
        expect(JSON.parse(node.read(`${out}/kubelet.conf`))).to.deep.equal(TAKEN)
      })

    it('goes on without files that are not there', async () => {
      const node = open()
      const [out, none] = [`${node.folder}/out`, `${node.folder}/none/kubeconfig`]
      const kubelet = `${node.folder}/kubelet.conf`
      node.write(kubelet, OF_KUBEADM)
      const { said, status } = await node.prepare([out, none, kubelet])
      expect(said.slice(0, 2)).to.deep.equal([
        `there is no ${none}`,
        `${kubelet}: the API server is ${SERVER}`,
      ])
      expect(status).to.equal(0)
      expect(node.list(out)).to.deep.equal(['kubelet.conf'])
    })

    it('writes over what an earlier run wrote', async () => {
      const node = open()
      const [out, kubelet] = [`${node.folder}/out`, `${node.folder}/kubelet.conf`]
      node.write(kubelet, OF_JSON.replace(SERVER, `${SERVER}/a/longer/path`))
      await node.prepare([out, kubelet])
      node.write(kubelet, OF_JSON)
      await node.prepare([out, kubelet])
      expect(JSON.parse(node.read(`${out}/kubelet.conf`))).to.deep.equal(TAKEN)
    })
  })
}
