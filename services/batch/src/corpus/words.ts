/** The words of texts whose template names none. A change of this list changes the records of every seed. */
export const WORDS: readonly string[] =
  `able account address after again agent answer arrive before begin better between blue book bring build call careful carry change
  check choose city clear close column common correct country current customer data delay deliver describe detail different early
  engine error every example expect explain failure fast field final find first follow garden general green group happen harbour
  height important inside invoice island journey keep language large late letter light limit list market measure message minute
  model morning mountain move narrow never notice number often open order other outside paper party people place plain point
  process promise quiet ready reason record refund remember reply report request result return river road room`.split(
    /\s+/,
  );
