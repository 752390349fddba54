// Messages and presence between two devices of one user. Other users may not join.
import { connect } from './connect.mjs';

const [phone, laptop] = [await connect(), await connect()];
const { sub } = phone.claims;
const onPhone = phone.channel(`user:${sub}`, { state: { device: 'phone' } });
const onLaptop = laptop.channel(`user:${sub}`, { state: { device: 'laptop' } });
const heard = new Promise((resolve) => {
  onLaptop.onMessage(resolve);
});
const bothPresent = new Promise((resolve) => {
  onLaptop.onMembers((members) => {
    if (members.length === 2) resolve(members);
  });
});
await Promise.all([onPhone.join(), onLaptop.join()]);
onPhone.send('draft', { text: 'half a sen' });
console.log('the laptop heard', await heard);
const members = await bothPresent;
console.log('present:', members.map((member) => member.state.device).sort());
phone.close();
laptop.close();
