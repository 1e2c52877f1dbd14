/** The endpoint of a rehearsed start. */
export const rehearsedName = "furrow/rehearsed-start"
