/** Asks the agents what their features want to be tried, beside what every cluster is tried with. */
import type { Trial, TrialsReport } from '@podroute/feature/trial.ts'
import type { Agent } from '../kubectl/agents.ts'
import { askAll } from '../kubectl/ask.ts'
import type { Kubectl } from '../kubectl/kubectl.ts'

/** What one of them has is tried on all: that it does not hold on another is to be seen. None of agents that know of no trials. */
export async function trialsOf(kubectl: Kubectl, agents: readonly Agent[]): Promise<readonly Trial[]> {
  const answers = await askAll(kubectl, agents, ['trials', '--output', 'json'])
  const trials = answers.flatMap(({ status, text = '' }) => (status === 0 ? parsed(text) : []))
  return [...new Map(trials.map((trial) => [trial.hop, trial])).values()]
}

function parsed(text: string): readonly Trial[] {
  try {
    return (JSON.parse(text) as TrialsReport).trials
  } catch {
    return []
  }
}
