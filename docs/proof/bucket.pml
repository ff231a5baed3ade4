/*
 * The rules of a store in a bucket (docs/bucket-format.md), for an exhaustive search. See README.md.
 *
 * One object, X, lies in key 0, and nothing needs it when the history begins. Writers make a commit that
 * needs X, relying on it where a head lists it; a collector takes X off the lists while nothing needs it;
 * sweepers delete. A PUT of head may be answered, lost, done without an answer, or arrive later than all of
 * that. What must hold is asserted at every change of head and at every deletion.
 *
 * A key is its place in these arrays together with its epoch: uploaded again, it is another one.
 */
#ifndef WRITERS
#define WRITERS 2
#endif
#ifndef SWEEPS
#define SWEEPS 4
#endif
#ifndef COLLECTIONS
#define COLLECTIONS 1
#endif
#define KEYS (1 + WRITERS + COLLECTIONS)

/* head */
byte tag = 1;
byte epoch = 1;
byte generation = 0;
bool listed[KEYS];
byte retired[KEYS];        /* the epoch in which it was taken off the lists; 0: it was not */
bool riding = false;       /* X rides in head */
bool needed = false;       /* a commit that is listed needs X */
byte landed[WRITERS];      /* how often the commit of a writer got into head */

/* the bucket */
bool there[KEYS];
byte born[KEYS];           /* the epoch in its name */
bool holds[KEYS];          /* X is in it */

/* PUTs of head that are still on their way; 0: none */
byte wayTag[WRITERS];
bool wayRides[WRITERS];

inline isListed(answer) {
  d_step {
    answer = riding;
    i = 0;
    do
    :: i < KEYS -> answer = answer || (listed[i] && holds[i]); i++
    :: else -> break
    od;
    i = 0
  }
}

inline check() {
  i = 0;
  found = riding;
  do
  :: i < KEYS ->
     assert(!listed[i] || there[i]);
     found = found || (listed[i] && holds[i]);
     i++
  :: else -> break
  od;
  assert(!needed || found);
  found = false;
  i = 0
}

/* The commit of a writer gets into head, if the tag is still the one that it is to replace. */
inline arrive(w, wanted, rides) {
  if
  :: tag == wanted ->
     tag++;
     listed[1 + w] = true;
     landed[w]++;
     assert(landed[w] <= 1);
     needed = true;
     riding = riding || rides;
     check()
  :: else
  fi
}

proctype Writer(byte w) {
  byte myTag, myEpoch, myGeneration, base, i;
  bool found, rides, isOk;

  /* By this head it is told whether the store has X. */
  atomic { myEpoch = epoch; myGeneration = generation; isListed(found) }
  /* The session is uploaded: with X, where no head listed it. */
  d_step { holds[1 + w] = !found; born[1 + w] = myEpoch; there[1 + w] = true; found = false }

again:
  atomic { myTag = tag; myEpoch = epoch; base = generation; isListed(found) }
  rides = false;
  if
#ifndef NO_RULE_B
  :: base != myGeneration && !found && !holds[1 + w] -> rides = true
#endif
  :: else
  fi;
  found = false;
  if
#ifndef NO_RULE_W
  :: born[1 + w] + 1 < myEpoch -> d_step { born[1 + w] = myEpoch; there[1 + w] = true }
#endif
  :: else
  fi;

send:
  atomic {
    if
    :: /* answered */
       isOk = (tag == myTag);
       arrive(w, myTag, rides);
       if
       :: isOk -> isOk = false; goto done
       :: else -> goto conflict
       fi
    :: /* done, and the answer is lost */
       arrive(w, myTag, rides)
    :: /* lost */
       skip
    :: /* late */
       wayTag[w] == 0 -> wayTag[w] = myTag; wayRides[w] = rides
    fi
  }
#ifdef UNKNOWN_IS_CONFLICT
  goto again;
#endif
  atomic {
    if
    :: landed[w] > 0 -> goto done
    :: landed[w] == 0 && tag == myTag -> goto send
    :: else -> goto again
    fi
  }
conflict:
#ifdef UNKNOWN_IS_CONFLICT
  goto again;
#endif
  if
  :: landed[w] > 0 -> goto done
  :: else -> goto again
  fi;
done:
  skip
}

/* What was late arrives at any time. */
proctype Network(byte w) {
  byte i;
  bool found;
end:
  do
  :: atomic {
       wayTag[w] != 0 ->
       arrive(w, wayTag[w], wayRides[w]);
       wayTag[w] = 0;
       wayRides[w] = false
     }
  od
}

/* Takes X off the lists, while nothing needs it. */
proctype Collector(byte c) {
  byte myTag, myEpoch, i;
  bool found, isSource[KEYS], isKeeping, isDone;

  atomic {
    myTag = tag;
    myEpoch = epoch;
    isKeeping = needed;
    i = 0;
    do
    :: i < KEYS -> isSource[i] = listed[i]; i++
    :: else -> break
    od;
    i = 0
  }
  d_step { holds[c] = isKeeping; born[c] = myEpoch; there[c] = true }
  do
  :: /* Rule W */
     if
#ifndef NO_RULE_W
     :: born[c] + 1 < myEpoch -> d_step { born[c] = myEpoch; there[c] = true }
#endif
     :: else
     fi;
     atomic {
       if
       :: tag == myTag ->
          tag++;
          i = 0;
          do
          :: i < KEYS ->
             if
             :: isSource[i] && listed[i] -> listed[i] = false; retired[i] = epoch
             :: else
             fi;
             i++
          :: else -> break
          od;
          listed[c] = true;
          /* What newcomers need is saved. */
          riding = (needed && !holds[c]);
          if
          :: !holds[c] && !riding -> generation++
          :: else
          fi;
          check();
          isDone = true
       :: else
       fi
     }
     if
     :: isDone -> break
     :: else -> atomic { myTag = tag; myEpoch = epoch }
     fi
  od
}

proctype Sweeper() {
  byte mine, i, sweeps;
  bool seen[KEYS], named[KEYS];
  byte foundBorn[KEYS], since[KEYS];

  do
  :: sweeps < SWEEPS ->
     sweeps++;
     atomic { epoch++; tag++; mine = epoch }
     /* LIST */
     d_step {
       i = 0;
       do
       :: i < KEYS -> seen[i] = there[i]; foundBorn[i] = born[i]; i++
       :: else -> break
       od;
       i = 0
     }
     /* head, read after it */
     d_step {
       i = 0;
       do
       :: i < KEYS -> named[i] = listed[i]; since[i] = retired[i]; i++
       :: else -> break
       od;
       i = 0
     }
     do
     :: i < KEYS ->
        d_step {
          if
          :: seen[i] && there[i] && born[i] == foundBorn[i] && !named[i] &&
#ifdef NO_RULE_D
             (1)
#else
             ((since[i] > 0 && since[i] + 2 <= mine) || (since[i] == 0 && foundBorn[i] + 2 <= mine))
#endif
             -> assert(!listed[i]); there[i] = false
          :: else
          fi;
          i++
        }
     :: else -> break
     od;
     skip;
     d_step {
       i = 0;
       do
       :: i < KEYS -> seen[i] = false; foundBorn[i] = 0; named[i] = false; since[i] = 0; i++
       :: else -> break
       od;
       i = 0
     }
  :: else -> break
  od
}

init {
  byte n;
  atomic {
    listed[0] = true;
    there[0] = true;
    born[0] = 1;
    holds[0] = true;
    do
    :: n < WRITERS -> run Writer(n); run Network(n); n++
    :: else -> break
    od;
    n = 0;
    do
    :: n < COLLECTIONS -> run Collector(1 + WRITERS + n); n++
    :: else -> break
    od;
    run Sweeper()
  }
}
