// Where a running lab keeps its files.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { LAB_NAMESPACE } from './addresses.ts'
import { LabError } from './errors.ts'

/** Sockets have to have short paths, and the lab ends with the machine: /run. */
export const STATE = join('/run', LAB_NAMESPACE)

export const KUBERNETES_STATE = join(STATE, 'kubernetes')
export const KUBECONFIG = join(KUBERNETES_STATE, 'admin.kubeconfig')

export function labExists(): boolean {
  return existsSync(STATE)
}

export function requireLab(): void {
  if (!existsSync(join(STATE, 'processes.json'))) {
    throw new LabError('not-running', 'the lab is not running: start it with npm run lab')
  }
}
