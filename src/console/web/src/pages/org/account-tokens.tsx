/** The tokens of one service account. */
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { api, data, take } from '../../api/client'
import { queries } from '../../session/session'
import { Button } from '../../ui/button'
import { Card, Failure, Skeleton } from '../../ui/layout'
import { type Asked, NewToken } from '../account/new-token'
import { TokenTable } from '../account/token-table'
import type { Token } from './parts/types'

export function AccountTokens({ org, account }: { org: string; account: string }) {
  const [making, setMaking] = useState(false)
  const queryKey = ['service-account-tokens', org, account]
  const path = { org, account }
  const tokens = useQuery({
    queryKey,
    queryFn: () => data(api.GET('/api/orgs/{org}/service_accounts/{account}/tokens', { params: { path } })),
  })
  const products = useQuery({
    queryKey: ['products', org],
    enabled: making,
    queryFn: () => data(api.GET('/api/orgs/{org}/products', { params: { path: { org } } })),
  })
  const make = async (body: Asked) => {
    const made = await data(api.POST('/api/orgs/{org}/service_accounts/{account}/tokens', { params: { path }, body: body as never }))
    await queries.invalidateQueries({ queryKey })
    return made
  }
  const remove = async (token: Token) => {
    const at = { params: { path: { ...path, token: String(token.id) } } }
    await take(api.DELETE('/api/orgs/{org}/service_accounts/{account}/tokens/{token}', at))
    await queries.invalidateQueries({ queryKey })
  }
  return (
    <Card title={`Tokens of ${account}`} actions={<Button onClick={() => setMaking(true)}>New token</Button>}>
      {tokens.error && <Failure error={tokens.error} again={() => void tokens.refetch()} />}
      {tokens.isPending && <Skeleton lines={2} />}
      {tokens.data?.length === 0 && <p className="muted">No token yet. A program that should act as {account} needs one.</p>}
      {tokens.data && tokens.data.length > 0 && <TokenTable tokens={tokens.data} onDelete={remove} pageKey="tokens" findKey="token" />}
      <NewToken
        open={making}
        onClose={() => setMaking(false)}
        make={make}
        org={org}
        title={`New token for ${account}`}
        products={(products.data ?? []).map((p) => `${org}/${p.name}`)}
      />
    </Card>
  )
}
