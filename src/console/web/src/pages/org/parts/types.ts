/** The types of the API's answers that these pages show, by short names. */
import type { components } from '../../../api/schema'

type Schemas = components['schemas']

export type Authority = Schemas['CaCertificate']
export type Endpoint = Schemas['IrohEndpoint']
export type MadeInvitation = Schemas['MadeInvitation']
export type Member = Schemas['Member']
export type Minted = Schemas['Minted']
export type OwnSession = Schemas['OwnSession']
export type Product = Schemas['Product']
export type ServiceAccount = Schemas['ServiceAccount']
export type SigningKey = Schemas['SigningKey']
export type Token = Schemas['Token']
