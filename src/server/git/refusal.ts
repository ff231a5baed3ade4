/** What a client asks for and does not get; Git shows the message as `remote error: …`. */
export class Refusal extends Error {}
