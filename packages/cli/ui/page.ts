/** The page, which the build puts in here: it is made of packages/ui/page (deploy/ui-page.ts). */
import { CliError } from '../errors.ts'

declare const PODROUTE_UI_PAGE: string | undefined

/** @throws CliError where this is not a build */
export function builtPage(): string {
  if (typeof PODROUTE_UI_PAGE === 'string') return PODROUTE_UI_PAGE
  throw new CliError('answer', 'the page is in what npm run build makes: run dist/podroute.mjs ui')
}
