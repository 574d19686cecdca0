/** The types of the API's answers, by short names. All come from the document that the server serves (`openapi.json`). */
import type { components } from './schema'

export type Schemas = components['schemas']

export type Device = Schemas['Device']
export type Firmware = Schemas['Firmware']
export type Archive = Schemas['Archive']
export type Group = Schemas['DeploymentGroup']
export type ListedRelease = Schemas['ListedRelease']
export type ShortProgress = Schemas['ShortProgress']
export type ProductGlance = Schemas['ProductGlance']
export type Rollout = Schemas['RolloutView']
export type RolloutSummary = Schemas['RolloutSummary']
export type Summary = Schemas['ProductSummary']
export type Attention = Schemas['Attention']
export type QueryColumn = Schemas['QueryColumn']
export type SavedView = Schemas['SavedView']
export type Hits = Schemas['Hits']
export type AuditEntry = Schemas['AuditEntry']
export type Pagination = Schemas['Pagination']
export type BrowserSession = Schemas['BrowserSession']
export type SecondStep = Schemas['SecondStep']
export type Passkey = Schemas['Passkey']
export type SignInProvider = Schemas['SignInProvider']
export type SignInIdentity = Schemas['SignInIdentity']
export type Attempt = Schemas['Attempt']
export type Why = Schemas['Why']
export type LogLine = Schemas['LogLine']
export type HealthReport = Schemas['HealthReport']
export type MetricSeries = Schemas['MetricSeries']

/** The roles, from the least to the most. */
export const ROLES = ['view', 'manage', 'admin'] as const
export type Role = (typeof ROLES)[number]
