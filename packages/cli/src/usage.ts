export const USAGE = `npx --no -- tidemark <command>

  up [--no-demo] [--scale <service>=<n>]… [--drop-slot]
                                            everything, until Ctrl-C; then drops the slot in your own Postgres
  doctor                                    what keeps Tidemark from working in a database, with the SQL that mends it
  migrate [--login <role>]                  brings the database to this release's schema; lets that role log in for the gateway
                                            (\`authenticator\` and the one in PGRST_DB_URI may in any case)
  expose <table> --to <role> [--write]      lets a role read a table through the API, and write it
  live enable <table> [--key-only]          lets clients follow the table’s changes, and says what it costs
  live disable <table> | --all              no longer, and as it was before
  live status                               the tables that can be followed
  blueprint list, blueprint show <name>     the ready-made systems, and what one of them has
  blueprint load <name> [--no-demo] [--rows <n>]
                                            loads one into the database; --rows is the size of its large table
  blueprint play <name> [--scale <share>]   plays its story through the services that run, and measures its claims
  jobs list                                 the newest jobs
  jobs show <id>, jobs watch <id>           how far a job is, and what failed; watch shows it until the end
  jobs cancel|pause|resume <id>             ends a job, or starts no more of it for a while
  jobs retry <id> [--code <code>]           runs its failed items again: all of them, or those with a code
  schedules list, schedules show <name>     jobs that start again and again, when they do next, and what became of each time
  schedules create <name> --pattern <cron> --kind <kind> --spec <JSON> [--time-zone <zone>]
            [--priority <p>] [--missed skip|once|all] [--overlap skip|queue|allow|replace]
  schedules pause|resume|run|remove <name>  run starts a job now
  sink clickhouse --tables <schema>.<table>[,…] [--metrics <port>]
                                            keeps tables of the ClickHouse at CLICKHOUSE_URL equal to them, until Ctrl-C
  statements enable [--move]                lets the metrics service read pg_stat_statements (as a superuser)
  types [--schema <name>]…                  the TypeScript types of the database’s tables, views and functions
  console, examples                         a link that opens the console, or the example pages, once, within ten minutes
  database                                  the address of the database, with its password: psql "$(npx --no -- tidemark database)"
  nats-config                               a configuration file for a NATS server of your own, with a user for each service
  token --role <role> [--sub <subject>] [--expires-in <seconds>] [--claim <name>=<value>]…
                                            signs a token with JWT_SECRET, or the secret in TIDEMARK_HOME
  remove                                    takes everything of Tidemark out of the database
  --version                                 the version of Tidemark

expose, live and remove show what they would do with --dry-run.
The database is DATABASE_OWNER_URL, else DATABASE_DIRECT_URL, else DATABASE_URL, else the one that runs in TIDEMARK_HOME (.tidemark).
jobs, schedules and console ask the gateway at TIDEMARK_URL with TIDEMARK_TOKEN, else the one that runs in TIDEMARK_HOME with its service token.

Examples:
  npx --no -- tidemark expose orders --to authenticated --write
  npx --no -- tidemark live enable shop.orders
  npx --no -- tidemark types > database.ts
  DATABASE_URL=postgres://app:secret@db.example/app npx --no -- tidemark doctor`;
