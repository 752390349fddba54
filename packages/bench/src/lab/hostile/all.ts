import type { Attacker } from './attacker.ts';
import { requestAttackers } from './request-attackers.ts';
import { socketAttackers } from './socket-attackers.ts';

export const attackers: readonly Attacker[] = [...requestAttackers, ...socketAttackers];
