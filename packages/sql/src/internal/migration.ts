/**
 * The tables and functions of the PostgreSQL driver, as one SQL statement.
 *
 *   leases   who holds keys, and until when by the server's clock
 *   keys     each under a lease, with which it goes
 *   tokens   the sequence of tokens, which begins at the time of its making so that it grows beyond one that was lost
 *
 * Every operation of the driver that decides about a lease or a key is one statement, so that a frozen program holds no
 * lock.
 */

/**
 * Asks PostgreSQL whether the functions of this version of the driver exist. The names of the driver's functions in
 * PostgreSQL contain the driver's version, so that two versions can work side by side.
 */
export const probe = (schema: string): string => `select to_regprocedure('${schema}.sweep_1()') is not null`

/**
 * Turns on synchronous commits, because a server that crashes could otherwise lose a commit, and with the commit the
 * grant of a key.
 */
const durable = `if current_setting('synchronous_commit') = 'off' then
      perform set_config('synchronous_commit', 'local', true);
    end if;`

const tables = (schema: string): string => `
  create table if not exists ${schema}.leases (
    id text collate "C" primary key,
    expires_at timestamptz not null
  );
  create index if not exists leases_expires_at on ${schema}.leases (expires_at);
  create table if not exists ${schema}.keys (
    key text collate "C" primary key,
    value text not null,
    token bigint not null,
    lease text collate "C" not null references ${schema}.leases on delete cascade
  );
  create index if not exists keys_lease on ${schema}.keys (lease);
  if to_regclass('${schema}.tokens') is null then
    execute format('create sequence ${schema}.tokens start %s', floor(extract(epoch from clock_timestamp()))::bigint << 20);
  end if;`

const hints = (schema: string): string => `
  create or replace function ${schema}.hint_1() returns trigger language plpgsql as $hint$
  begin
    perform pg_notify('${schema}', left(coalesce(new.key, old.key), 1000));
    return null;
  end $hint$;
  drop trigger if exists hint on ${schema}.keys;
  create trigger hint after insert or update or delete on ${schema}.keys for each row execute function ${schema}.hint_1();`

/**
 * Renews a lease: the statement locks the lease before it reads the clock, because waiting for the lock may take time.
 */
const renew = (schema: string): string => `
  create or replace function ${schema}.renew_1(lease_id text, millis double precision) returns boolean language plpgsql as $renew$
  declare
    until timestamptz;
    kept boolean;
  begin
    ${durable}
    loop
      insert into ${schema}.leases values (lease_id, '-infinity') on conflict do nothing;
      select expires_at into until from ${schema}.leases where id = lease_id for update;
      exit when found;
    end loop;
    kept := until > clock_timestamp();
    if not kept then
      delete from ${schema}.keys where lease = lease_id;
    end if;
    update ${schema}.leases set expires_at = clock_timestamp() + millis * interval '1 millisecond' where id = lease_id;
    return kept;
  end $renew$;`

/** Grants a key to a lease: claims of the same key run one after the other, so that the key's tokens always grow. */
const grant = (schema: string): string => `
  create or replace function ${schema}.grant_1(wanted text, content text, lease_id text)
  returns table (outcome text, held_value text, held_token text, held_lease text) language plpgsql as $grant$
  declare
    held ${schema}.keys;
    given bigint;
  begin
    ${durable}
    perform pg_advisory_xact_lock(hashtextextended(wanted, hashtextextended('${schema}', 0)));
    delete from ${schema}.leases where expires_at <= clock_timestamp()
      and id = (select k.lease from ${schema}.keys k where k.key = wanted and k.lease <> lease_id);
    perform 1 from ${schema}.leases where id = lease_id and expires_at > clock_timestamp() for key share;
    if not found then
      return query select 'Expired', ''::text, ''::text, ''::text;
      return;
    end if;
    select * into held from ${schema}.keys k where k.key = wanted;
    if found and held.lease <> lease_id then
      return query select 'Taken', held.value, held.token::text, held.lease;
      return;
    end if;
    given := nextval('${schema}.tokens');
    insert into ${schema}.keys values (wanted, content, given, lease_id)
      on conflict (key) do update set value = excluded.value, token = excluded.token;
    return query select 'Granted', content, given::text, lease_id;
  end $grant$;`

/** Removes expired leases from the driver's tables, and returns the milliseconds until the next lease expires. */
const sweep = (schema: string): string => `
  create or replace function ${schema}.sweep_1() returns double precision language plpgsql as $sweep$
  begin
    delete from ${schema}.leases where id in (
      select id from ${schema}.leases where expires_at <= clock_timestamp() for update skip locked
    );
    return (select extract(epoch from min(expires_at) - clock_timestamp()) * 1000 from ${schema}.leases);
  end $sweep$;`

export const migration = (schema: string): string =>
  `do $migration$
begin
  perform pg_advisory_xact_lock(hashtextextended('${schema}', 0));
  create schema if not exists ${schema};${tables(schema)}${hints(schema)}${renew(schema)}${grant(schema)}${
    sweep(schema)
  }
end $migration$`
