/*
 * The rules of a store in a bucket (docs/bucket-format.md), for an exhaustive search. See README.md.
 *
 * One object, X, lies in a pack. WRITERS processes make one commit after another, each needs X: a writer
 * relies on X where a head lists it, and uploads it with its commit where none does. ERASER deletes the
 * refs, so that nothing needs X. COLLECTORS take X off the lists while nothing needs it, SWEEPERS raise the
 * epoch and delete keys. Each of them may sleep between any two steps, for ever too. A PUT of head may be
 * answered, lost, done without an answer, or arrive later than all of that. The number of commits, of
 * collections and of sweeps has no bound.
 *
 * The state has no numbers that grow:
 * - Instead of the tag of head: whether the head that a process has read is still the newest (fresh). A PUT
 *   that is late can land only while its head is the newest (late).
 * - Instead of epochs: how many epochs ago a key was named, or retired when it was listed before (age), two
 *   standing for more. The rules ask for no more than that.
 * - Instead of the generation of head: whether it has grown since a writer told what the store has (grown).
 * A key is a place in these arrays. A process uploads under a new name: it takes its place only when the
 * name that was there before is gone, or when no head can take that name any more.
 */
#ifndef WRITERS
#define WRITERS 2
#endif
#ifndef COLLECTORS
#define COLLECTORS 2
#endif
#ifndef SWEEPERS
#define SWEEPERS 1
#endif
/* The choices below are written out for no more. */
#if WRITERS > 3 || WRITERS + COLLECTORS > 5
#error At most 3 writers, and 5 writers and collectors together
#endif
#define FIRST_OF_COLLECTORS (1 + WRITERS)
#define KEYS (1 + WRITERS + COLLECTORS)
#define MANY 2
/* Of how many epochs ago a key is that a sweep deletes */
#if defined(NO_RULE_D)
#define OLD 0
#elif defined(HALF_RULE_D)
#define OLD 1
#else
#define OLD MANY
#endif

/* head */
bit listed[KEYS];
bit riding;                /* X rides in head */
bit needed;                /* a ref leads to a commit that needs X */

/* the bucket */
bit there[KEYS];
byte age[KEYS];
bit holds[KEYS];           /* X is in it */

/* what processes know */
bit fresh[WRITERS + COLLECTORS];
bit grown[WRITERS];
bit rides[WRITERS];        /* the commit brings X along in head */
bit late[WRITERS];         /* a PUT of its commit is still on its way, and can land */
bit landed[WRITERS];       /* its commit has got into head */
bit doomed[SWEEPERS * KEYS];

/* used within one step only */
hidden byte k;
hidden byte found;
hidden byte hadX;

inline look() {
  found = riding;
  k = 0;
  do
  :: k < KEYS -> found = found || (listed[k] && holds[k]); k++
  :: else -> break
  od;
  k = 0
}

/* Every PUT of head that is done. What must hold of the new head is asserted. */
inline replaced() {
  k = 0;
  do
  :: k < WRITERS -> fresh[k] = 0; late[k] = 0; k++
  :: k >= WRITERS && k < WRITERS + COLLECTORS -> fresh[k] = 0; k++
  :: else -> break
  od;
  k = 0;
  do
  :: k < KEYS -> assert(!listed[k] || there[k]); k++
  :: else -> break
  od;
  look();
  assert(!needed || found);
  found = 0
}

/* A new name. A sweeper that has found the old one knows nothing of it. */
inline upload(key, withX) {
  there[key] = 1;
  age[key] = 0;
  holds[key] = withX;
  listed[key] = 0;
  k = 0;
  do
  :: k < SWEEPERS -> doomed[k * KEYS + key] = 0; k++
  :: else -> break
  od;
  k = 0
}

/* The commit of a writer gets into head. */
inline land(w) {
  assert(!landed[w]);
  landed[w] = 1;
  listed[1 + w] = 1;
  age[1 + w] = 0;
  needed = 1;
  riding = riding || rides[w];
  rides[w] = 0;
  replaced()
}

inline mayAdopt(key, answer) {
#ifdef NO_RULE_W
  answer = 1
#else
  answer = age[key] < MANY
#endif
}

proctype Writer(byte w) {
start:
  /* By this head it tells whether the store has X, and uploads. */
  atomic { d_step {
    !there[1 + w] && !listed[1 + w] ->
    landed[w] = 0;
    rides[w] = 0;
    grown[w] = 0;
    look();
    if
    :: found -> upload(1 + w, 0)
    :: else -> upload(1 + w, 1)
    fi;
    found = 0
  } };
again:
  atomic { d_step {
    fresh[w] = 1;
#ifndef NO_RULE_B
    look();
    if
    :: grown[w] && !found && !holds[1 + w] -> rides[w] = 1
    :: else
    fi;
    found = 0;
#endif
    grown[w] = 0;
    mayAdopt(1 + w, found);
    if
    :: !found -> upload(1 + w, holds[1 + w])
    :: else
    fi;
    found = 0
  } };
send:
  if
  :: /* answered */
     atomic { fresh[w] -> d_step { land(w) }; goto done }
  :: /* done, and the answer is lost */
     atomic { fresh[w] -> d_step { land(w) }; goto settle }
  :: /* lost, or a conflict */
     goto settle
  :: /* late */
     atomic { fresh[w] && !late[w] -> late[w] = 1; goto settle }
  fi;
settle:
#ifdef UNKNOWN_IS_CONFLICT
  goto again;
#endif
  if
  :: landed[w] -> goto done
  :: !landed[w] && fresh[w] -> goto send
  :: !landed[w] && !fresh[w] -> goto again
  fi;
done:
  goto start
}

/* What was late arrives at any time. */
proctype Network() {
  byte w;
end:
  do
  :: atomic { late[0] -> d_step { land(0) } }
#if WRITERS > 1
  :: atomic { late[1] -> d_step { land(1) } }
#endif
#if WRITERS > 2
  :: atomic { late[2] -> d_step { land(2) } }
#endif
  od
}

/* Refs are deleted. */
proctype Eraser() {
end:
  do
  :: d_step { needed -> needed = 0; replaced() }
  od
}

/* Takes X off the lists, while nothing needs it. */
proctype Collector(byte c) {
  bit source[KEYS], overtaken;
  byte key = FIRST_OF_COLLECTORS + c;

start:
  atomic { d_step {
    !there[key] && !listed[key] ->
    k = 0;
    do
    :: k < KEYS -> source[k] = listed[k]; k++
    :: else -> break
    od;
    /* With nothing that has X on the lists there is nothing to be put into the new pack. */
    look();
    if
    :: needed && found -> upload(key, 1)
    :: else -> upload(key, 0)
    fi;
    found = 0;
    fresh[WRITERS + c] = 1
  } };
send:
  atomic {
    if
    :: fresh[WRITERS + c] ->
       d_step {
         look();
         hadX = found;
         k = 0;
         do
         :: k < KEYS ->
            if
            :: source[k] -> listed[k] = 0; age[k] = 0
            :: else
            fi;
            source[k] = 0;
            k++
         :: else -> break
         od;
         listed[key] = 1;
         age[key] = 0;
         riding = 0;
         look();
         /* What newcomers need is saved. */
         riding = needed && !found;
         if
         :: hadX && !found && !riding ->
            k = 0;
            do
            :: k < WRITERS -> grown[k] = !landed[k]; k++
            :: else -> break
            od
         :: else
         fi;
         found = 0;
         hadX = 0;
         replaced()
       };
       goto start
    :: else
    fi
  };
  d_step {
    /* Another head is the newest: rule W, and what it lists. */
    fresh[WRITERS + c] = 1;
    mayAdopt(key, found);
    if
    :: !found -> upload(key, holds[key])
    :: else
    fi;
    found = 0;
    overtaken = 0;
    k = 0;
    do
    :: k < KEYS -> overtaken = overtaken || (source[k] && !listed[k]); k++
    :: else -> break
    od;
    k = 0
  }
  if
  :: overtaken ->
     d_step {
       overtaken = 0;
       k = 0;
       do
       :: k < KEYS -> source[k] = 0; k++
       :: else -> break
       od;
       k = 0
     };
     goto start
  :: else -> goto send
  fi
}

inline erase(s, key) {
  doomed[s * KEYS + key] ->
  assert(!listed[key]);
  doomed[s * KEYS + key] = 0;
  there[key] = 0
}

proctype Sweeper(byte s) {
start:
  /* The epoch is raised. LIST comes later; what is deleted must be that old now. */
  atomic { d_step {
    k = 0;
    do
    :: k < KEYS ->
       if
       :: !listed[k] && age[k] < MANY -> age[k]++
       :: else
       fi;
       doomed[s * KEYS + k] = there[k] && !listed[k] && age[k] >= OLD;
       k++
    :: else -> break
    od;
    replaced()
  } };
  /* head, read after LIST */
  d_step {
    k = 0;
    do
    :: k < KEYS -> doomed[s * KEYS + k] = doomed[s * KEYS + k] && !listed[k]; k++
    :: else -> break
    od;
    k = 0
  }
  do
  :: d_step { erase(s, 0) }
  :: d_step { erase(s, 1) }
  :: d_step { erase(s, 2) }
#if KEYS > 3
  :: d_step { erase(s, 3) }
#endif
#if KEYS > 4
  :: d_step { erase(s, 4) }
#endif
#if KEYS > 5
  :: d_step { erase(s, 5) }
#endif
  :: /* It is done; or what is left was not there at the time of LIST; or it is killed. */
     d_step {
       k = 0;
       do
       :: k < KEYS -> doomed[s * KEYS + k] = 0; k++
       :: else -> break
       od;
       k = 0
     };
     break
  od;
  goto start
}

init {
  byte n;
  atomic {
    listed[0] = 1;
    there[0] = 1;
    holds[0] = 1;
    /* Names that are not there yet */
    do
    :: n + 1 < KEYS -> age[n + 1] = MANY; n++
    :: else -> break
    od;
    n = 0;
    do
    :: n < WRITERS -> run Writer(n); n++
    :: else -> break
    od;
    n = 0;
    do
    :: n < COLLECTORS -> run Collector(n); n++
    :: else -> break
    od;
    n = 0;
    do
    :: n < SWEEPERS -> run Sweeper(n); n++
    :: else -> break
    od;
    run Network();
    run Eraser();
    n = 0
  }
}
