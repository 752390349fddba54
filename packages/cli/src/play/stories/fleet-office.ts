/** Papers of an organization: invoices that are read by OCR, the report of the month, an export, and the audit log. */
import type { TidemarkClient } from '@tidemark/client';
import { type Claim, holds } from '../claim.ts';
import { fileOf, itemsOf, runJob } from '../jobs.ts';
import { rowsOf, type Stage } from '../stage.ts';
import { within } from '../together.ts';
import { manager } from './people.ts';

const ORGANIZATION = 1;
const PATIENCE_MS = 15_000;

interface Vehicle {
  id: number;
  plate: string;
  status: string;
}

export async function playOffice(stage: Stage): Promise<Claim[]> {
  const sub = `office-${stage.run}`;
  const office = await stage.client(sub, manager(ORGANIZATION));
  const vehicles = await rowsOf<Vehicle>(office.from('vehicles').select('id,plate,status').order('id').limit(20));
  return [
    await readInvoices(stage, office, vehicles),
    await monthlyReport(stage, office),
    await csvExport(stage, office, sub),
    await auditedChanges(stage, office, vehicles, sub),
  ];
}

/** The invoices are drawn by the report of Tidemark, so that their text is known. */
async function readInvoices(stage: Stage, office: TidemarkClient, vehicles: readonly Vehicle[]): Promise<Claim> {
  const count = stage.size(20, 3);
  stage.say(`${count} invoices are read by OCR`);
  const files: string[] = [];
  const expected: string[] = [];
  for (let n = 0; n < count; n += 1) {
    const { plate } = vehicles[n % vehicles.length] as Vehicle;
    const text = `Invoice ${4_000 + n} for brake pads and labour. Vehicle ${plate}. The amount is ${120 + n} euros.`;
    const spec = { title: 'Workshop Harbour', sections: [{ heading: 'Invoice', text }] };
    const drawn = await runJob(stage, office, { kind: 'report.pdf', spec }, 'pages of the invoice');
    files.push(await fileOf(office, drawn.id));
    expected.push(text);
  }
  const job = await runJob(stage, office, { kind: 'ocr', spec: { input: { files } } }, 'invoices read');
  const read: string[] = [];
  for await (const { value } of itemsOf(office, job.id)) read.push(String((value as { text?: string })?.text ?? ''));
  const words = expected.flatMap((text) => text.split(/\W+/).filter((word) => word.length > 2));
  const all = read.join(' ').toLowerCase();
  const found = words.filter((word) => all.includes(word.toLowerCase())).length;
  const documents = read.map((text, n) => ({
    organization_id: ORGANIZATION,
    entity_type: 'vehicle',
    entity_id: vehicles[n % vehicles.length]?.id,
    type: 'invoice',
    title: `Invoice of ${stage.run}`,
    text,
  }));
  await rowsOf(office.from('documents').insert(documents));
  const stored = await rowsOf(
    office
      .from('documents')
      .select('id')
      .textSearch('text', 'brake', { config: 'simple' })
      .eq('title', `Invoice of ${stage.run}`),
  );
  return holds(
    'documents are read by OCR and found by their words',
    found >= words.length * 0.9 && stored.length === count,
    `${found} of ${words.length} words read, ${stored.length} of ${count} invoices found`,
  );
}

async function monthlyReport(stage: Stage, office: TidemarkClient): Promise<Claim> {
  const from = new Date(Date.now() - 30 * 86_400_000).toISOString();
  const spec = {
    title: 'The last thirty days',
    sections: [
      {
        heading: 'Vehicles',
        chart: {
          kind: 'bar',
          query: 'vehicles?select=status,vehicles:count()&order=status',
          schema: 'fleet',
          x: 'status',
          y: ['vehicles'],
        },
      },
      {
        heading: 'Fuel',
        table: {
          query: `fuel?select=filled_at,station,liters,cost&filled_at=gte.${from}&order=filled_at&limit=500`,
          schema: 'fleet',
        },
      },
    ],
  };
  const job = await runJob(stage, office, { kind: 'report.pdf', spec }, 'report of the month');
  const [item] = await office.jobs.items(job.id, { limit: 1 });
  const bytes = Buffer.from(await (await office.files.download(await fileOf(office, job.id))).arrayBuffer());
  const isPdf = bytes.subarray(0, 5).toString('latin1') === '%PDF-' && bytes.subarray(-1_024).includes('%%EOF');
  return holds(
    'the monthly report is a PDF',
    isPdf,
    `${bytes.length} bytes; ${JSON.stringify(item?.value).slice(0, 120)}`,
  );
}

async function csvExport(stage: Stage, office: TidemarkClient, sub: string): Promise<Claim> {
  const token = await stage.token('authenticated', sub, manager(ORGANIZATION).claims);
  const filter = `fuel?select=id,vehicle_id,filled_at,liters,cost&order=id`;
  const csv = await stage.request(token, `/rest/v1/${filter}`, {
    headers: { accept: 'text/csv', 'accept-profile': 'fleet' },
  });
  const lines = (await csv.text()).trim().split('\n').length - 1;
  const { count } = await office.from('fuel').select('id', { count: 'exact', head: true });
  return holds(
    'the CSV export has every row of the organization',
    lines === count && lines > 0,
    `${lines} of ${count} rows`,
  );
}

async function auditedChanges(
  stage: Stage,
  office: TidemarkClient,
  vehicles: readonly Vehicle[],
  sub: string,
): Promise<Claim> {
  for (const { id, status } of vehicles) {
    const other = status === 'idle' ? 'in_service' : 'idle';
    await rowsOf(office.from('vehicles').update({ status: other }).eq('id', id));
    await rowsOf(office.from('vehicles').update({ status }).eq('id', id));
  }
  let audited = 0;
  await within(PATIENCE_MS, async () => {
    const rows = await rowsOf(
      office.from('audit_log').select('id').eq('actor', sub).eq('entity', 'vehicles').limit(1_000),
    );
    audited = rows.length;
    return audited >= vehicles.length * 2;
  });
  const changes = vehicles.length * 2;
  stage.draw('changes are audited', audited, changes);
  return holds(
    'every change is audited with its actor',
    audited === changes,
    `${audited} of ${changes} changes of ${sub}`,
  );
}
