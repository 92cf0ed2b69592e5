/** CHANGELOG.md: what was not released yet becomes a version. */

export const UNRELEASED = 'Not released yet'

const heading = (title: string) => `## ${title}\n`

/** Text below a heading, up to the next of its kind; undefined where there is no such heading. */
export function section(changelog: string, title: string): string | undefined {
  const start = changelog.indexOf(`\n${heading(title)}`)
  if (start < 0) return undefined
  const body = changelog.slice(start + 1 + heading(title).length)
  const end = body.search(/^## /m)
  return (end < 0 ? body : body.slice(0, end)).trim()
}

/** @throws Error when nothing is written of what is new */
export function released(changelog: string, version: string, day: string): string {
  if (!section(changelog, UNRELEASED))
    throw new Error(`CHANGELOG.md says nothing below "## ${UNRELEASED}": write there what users can see`)
  return changelog.replace(
    `\n${heading(UNRELEASED)}`,
    `\n${heading(UNRELEASED)}\n${heading(`${version} (${day})`)}`,
  )
}
