/** What the page asks of its server. */
import type { Message } from '../model/report.ts'

/** @throws Error with what the server says */
export async function ask<Answer>(node: string, path: string): Promise<Answer> {
  const response = await fetch(`/api/ask?${new URLSearchParams({ node, path })}`)
  if (!response.ok) throw new Error((await response.text()).trim())
  return (await response.json()) as Answer
}

/** The browser connects again by itself. */
export function follow(told: (message: Message) => void, connected: (open: boolean) => void): void {
  const stream = new EventSource('/api/stream')
  stream.onmessage = ({ data }) => told(JSON.parse(data) as Message)
  stream.onopen = () => connected(true)
  stream.onerror = () => connected(false)
}
