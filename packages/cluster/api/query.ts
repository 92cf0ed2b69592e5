/** Parameters of a request's URL. */
export type Query = Readonly<Record<string, string>>
