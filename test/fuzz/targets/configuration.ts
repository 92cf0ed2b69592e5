/** The configuration file: a wrong one is a list of problems, never a fault. */

import { loadConfig } from '@podroute/agent/config/load.ts'
import { ConfigError } from '@podroute/agent/errors.ts'
import { FEATURES } from '@podroute/agent/features.ts'
import { pick } from '@podroute/reconcile/testing/random.ts'
import { parse, stringify } from 'yaml'
import type { FuzzTarget } from '../engine.ts'
import { fault } from '../fault.ts'
import { type Json, mutateJson, mutateText } from '../json.ts'

const FLAGS = { configFile: 'config.yaml', overrides: [], nodeAddresses: [] }
const GOOD = [
  'asn: 64512\n',
  'peers: [{address: 172.30.0.100, asn: 65000, acceptRoutes: [0.0.0.0/0, {prefix: 198.51.0.0/16, minLength: 16, maxLength: 24}]}]\n',
  'bgp: {port: 1179, holdTimeSeconds: 30, gracefulRestart: {enabled: true, timeSeconds: 60}}\npodNetwork: {mtu: auto, noMasquerade: [10.0.0.0/8]}\n',
  'serviceProxy: {nodePortRanges: [172.30.0.0/16], health: {address: "::", port: 10256}}\nserviceCIDRs: [10.96.0.0/16, fd10:96::/112]\n',
  'metrics: {address: localhost, tokenReview: true}\nlog: {level: debug, format: json}\napiServer: https://172.30.0.1:6443\n',
  'a: &a [1]\nb: *a\n',
]

export const CONFIGURATION: FuzzTarget<string> = {
  name: 'configuration',
  seeds: GOOD,
  parse: (text) => text,
  print: (input) => input,
  /** By characters, which is mostly no YAML, or by values. */
  mutate(text, random, others) {
    if (random() < 0.3) return mutateText(text, random)
    try {
      const values = [text, pick(random, others)].map((one) => parse(one) as Json)
      return stringify(mutateJson(values[0]!, random, values))
    } catch {
      return mutateText(text, random)
    }
  },
  *smaller(text) {
    const lines = text.split('\n')
    for (let i = 0; i < lines.length; i++) yield lines.toSpliced(i, 1).join('\n')
    for (let i = 0; i < text.length; i++) yield text.slice(0, i) + text.slice(i + 1)
  },
  run(text) {
    try {
      loadConfig(FLAGS, FEATURES, (path) => (path === FLAGS.configFile ? text : fault(`reads ${path}`)))
      return true
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      if (error.problems.length === 0 || error.problems.includes('')) fault('refused without a reason')
      return false
    }
  },
}
