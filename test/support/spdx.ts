/** What SPDX 2.3 asks of a document (clauses 6, 7 and 11), as far as ours has it: packages whose files are not listed. */
import type { SpdxDocument, SpdxPackage } from '../../deploy/sbom.ts'

const ID = /^SPDXRef-[A-Za-z0-9.-]+$/
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/
const CREATOR = /^(Person|Organization|Tool): \S/
const URI = /^[a-z]+:[^#\s]+$/
/** Annex D: identifiers with AND, OR, WITH and parentheses. */
const EXPRESSION =
  /^\(?[A-Za-z0-9.+-]+(?: WITH [A-Za-z0-9.-]+)?\)?(?: (?:AND|OR) \(?[A-Za-z0-9.+-]+(?: WITH [A-Za-z0-9.-]+)?\)?)*$/

function faultsOfPackage(one: SpdxPackage): string[] {
  const rules: [string, boolean][] = [
    ['SPDXID', ID.test(one.SPDXID)],
    ['name', one.name !== ''],
    ['downloadLocation', one.downloadLocation === 'NOASSERTION' || URI.test(one.downloadLocation)],
    ['filesAnalyzed', one.filesAnalyzed === false],
    ['licenseConcluded', EXPRESSION.test(one.licenseConcluded)],
    ['licenseDeclared', EXPRESSION.test(one.licenseDeclared)],
    ['copyrightText', one.copyrightText === 'NOASSERTION'],
    ['supplier', /^(NOASSERTION|(Person|Organization): .+)$/.test(one.supplier)],
    ['checksums', (one.checksums ?? []).every(({ checksumValue }) => /^[0-9a-f]{128}$/.test(checksumValue))],
    ['purl', (one.externalRefs ?? []).every((ref) => /^pkg:[a-z]+\/\S+@\S+$/.test(ref.referenceLocator))],
  ]
  return rules.filter(([, holds]) => !holds).map(([field]) => `${one.SPDXID}: ${field}`)
}

/** Empty for a document that is as it has to be. */
export function faultsOf(document: SpdxDocument): string[] {
  const ids = ['SPDXRef-DOCUMENT', ...document.packages.map(({ SPDXID }) => SPDXID)]
  const known = new Set(ids)
  const related = document.relationships.flatMap((one) => [one.spdxElementId, one.relatedSpdxElement])
  const rules: [string, boolean][] = [
    ['spdxVersion', document.spdxVersion === 'SPDX-2.3'],
    ['dataLicense', document.dataLicense === 'CC0-1.0'],
    ['SPDXID', document.SPDXID === 'SPDXRef-DOCUMENT'],
    ['name', document.name !== ''],
    ['documentNamespace', URI.test(document.documentNamespace)],
    ['created', TIME.test(document.creationInfo.created)],
    ['creators', document.creationInfo.creators.length > 0],
    ['creators', document.creationInfo.creators.every((one) => CREATOR.test(one))],
    ['each SPDXID once', known.size === ids.length],
    ['relationships', related.every((id) => known.has(id))],
    ['all packages are related', document.packages.every(({ SPDXID }) => related.includes(SPDXID))],
    ['describes', document.relationships.some((one) => one.relationshipType === 'DESCRIBES')],
  ]
  const faults = rules.filter(([, holds]) => !holds).map(([field]) => field)
  return [...faults, ...document.packages.flatMap(faultsOfPackage)]
}
