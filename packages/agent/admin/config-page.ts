/** `podroute config`: the configuration as it is in effect, and where each value comes from. */
import type { Page } from '@podroute/feature/page.ts'
import type { ConfigValue } from '../config/values.ts'

export interface ConfigReport {
  /** Of the file that is in effect. */
  readonly values: readonly ConfigValue[]
  /** Why a newer file is not in effect; undefined: the newest one is. */
  readonly problem: string | undefined
}

export function configPage(report: () => ConfigReport): Page<ConfigReport> {
  return {
    name: 'config',
    summary: 'the configuration in effect, and where each value comes from',
    data: report,
    tables: ({ values, problem }) => [
      { columns: [], rows: [], empty: problem === undefined ? '' : `not in effect yet: ${problem}` },
      {
        columns: ['KEY', 'VALUE', 'FROM'],
        rows: values.map(({ path, value, from }) => [path, JSON.stringify(value), from]),
        empty: 'no configuration',
      },
    ],
  }
}
