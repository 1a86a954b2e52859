/* Epochs of one channel, three members, and a server that delivers late or never.
 *
 * What it is, what it leaves out and how to run it: docs/model.md. Each step is one atomic choice:
 * somebody reads, signs, fetches, re-keys or retires a key; a device is revoked; the server judges
 * one signed entry by the rules; the network loses one. Member 0 coordinates and stays.
 *
 * Each switch takes one rule away, and spin must then find what goes wrong:
 *   -DNO_STALE_EPOCH   messages are taken although a rotate is due (OPS-14)
 *   -DNO_WATERMARK     entries may name an older directory than the log already does (OPS-2)
 *   -DNO_COMPARE       a decision may come after one that its author had not seen (OPS-5)
 *   -DRETIRE_EARLY     an old box key goes before the watermarks have passed the re-key (CLI-5)
 *   -DNO_PREV_CLOSE    a close key does not lead to the one before
 *   -DTRUST_ROTATOR    members use an epoch that they have not recomputed (A18)
 */

#define N 3
#ifndef LAST
#define LAST 3                     /* epochs at most, up to 4 */
#endif
#ifndef REMOVALS
#define REMOVALS 1
#endif
#ifndef REVOCATIONS
#define REVOCATIONS 1
#endif
#ifndef REKEYS
#define REKEYS 0
#endif
#ifndef LIES
#define LIES 0
#endif
#ifndef LOSSES
#define LOSSES 0
#endif
#define bit(x) (1 << (x))
#define has(mask, x) (((mask) & (1 << (x))) != 0)
#define max(a, b) (((a) > (b)) -> (a) : (b))

/* device j stands in the first d entries of the directory; it has its second box key there */
#define stands(j, d) (revoked[j] == 0 || revoked[j] > (d))
#define second(j, d) (rekeyed[j] != 0 && rekeyed[j] <= (d))
#define recip(j, mem, d) (has(mem, j) && stands(j, d))
#define one(j, mem, d) (recip(j, mem, d) -> (1 << (j)) : 0)
#define new(j, mem, d) ((recip(j, mem, d) && second(j, d)) -> (1 << (j)) : 0)
#define recips(mem, d) (one(0, mem, d) + one(1, mem, d) + one(2, mem, d))
#define keys(mem, d) (new(0, mem, d) + new(1, mem, d) + new(2, mem, d))

mtype = { nothing, remove, sync, rotate, message, close, reveal };

typedef Signed {                   /* an entry that is signed and on its way */
    mtype kind;
    byte dir;                      /* directory size that its header names */
    byte n;                        /* its epoch; of a removal, who */
    byte p;                        /* of a rotate: the epoch that it links, */
    byte to;                       /* whom it is wrapped to, */
    byte under;                    /* who of them under the second box key, */
    bool bad;                      /* whether it holds garbage that only members can tell */
    bool behind                    /* a decision came that its author had not seen */
}

typedef View {                     /* what a member has read */
    byte members; byte n; byte control; byte channel; byte dir; bool behind; bool closed
}

/* the directory: its size, and the place of what happened to each device, 0: nothing */
byte directory = 1;
byte revoked[N];
byte rekeyed[N];

/* the operation's log, as the rules read it */
byte members = 7;
byte control = 1;                  /* watermark of control entries */
byte channel = 1;                  /* and of the channel's own */
byte n = 1;                        /* the present epoch */
byte to[5];
byte under[5];
byte link[5];                      /* p */
bool bad[5];
bool closed;
byte revealed;                     /* epochs whose close key the log shows, */
byte leads;                        /* and those that prev_close adds, each from the one after it */

/* the members */
View view[N];
Signed out[N];
byte knows[N];                     /* epochs whose secret it has */
byte tried[N];                     /* epochs that it found bad */
bool old_key[N];                   /* its first box key is still there */

/* how much happens at most */
byte removals = REMOVALS, revocations = REVOCATIONS, rekeys = REKEYS, lies = LIES, losses = LOSSES;

/* what the properties speak of */
byte late[N];                      /* epochs made while the member was out */
bool due;                          /* somebody of the present epoch was removed */
bool said_while_due;

hidden byte w, mark, k;

#ifdef TRUST_ROTATOR
#define doubted(e) false
#else
#define doubted(e) (bad[e])
#endif

/* what the close keys in the log reach, in truth; `leads` is what a client counts on */
#ifdef NO_PREV_CLOSE
#define reached revealed
#else
#define reached leads
#endif

#define mark_of(i) max(view[i].control, view[i].channel)
#define free(i) (out[i].kind == nothing && has(view[i].members, i) && !view[i].closed)
#define sees_due(i) ((to[view[i].n] & ~recips(view[i].members, max(view[i].dir, mark_of(i)))) != 0)
#define sees_lost(i) \
    ((recips(view[i].members, view[i].control) & ~recips(view[i].members, view[i].dir)) != 0)
#define unread(i, e) (e <= view[i].n && has(to[e], i) && !has(knows[i] | tried[i], e))
#define owes(i, e) (has(knows[i], e) && has(to[e], i) && !has(leads, e) && !bad[e])
#define owed(i) (owes(i, 4) -> 4 : (owes(i, 3) -> 3 : (owes(i, 2) -> 2 : (owes(i, 1) -> 1 : 0))))
#define settled(i) (!has(members, i) || !stands(i, directory) || (view[i].closed && \
    !unread(i, 2) && !unread(i, 3) && !unread(i, 4) && \
    owed(i) == 0 && out[i].kind == nothing))
#define good(e) (e > n || bad[e] || has(reached, e))

inline decided() {
    view[0].behind = true; view[1].behind = true; view[2].behind = true;
    out[0].behind = out[0].kind != nothing; out[1].behind = out[1].kind != nothing;
    out[2].behind = out[2].kind != nothing
}

inline learn(i, e) {               /* the secret, and all that its links lead back to */
    k = e;
    do
    :: k > 0 -> knows[i] = knows[i] | bit(k); k = (bad[k] -> 0 : link[k])
    :: else -> break
    od
}

inline follow() {
    leads = revealed; k = LAST;
    do
    :: k > 0 ->
        if
        :: has(leads, k) && !bad[k] && link[k] > 0 -> leads = leads | bit(link[k])
        :: else
        fi;
        k--
    :: else -> break
    od
}

inline sign(i, what, number) {
    out[i].kind = what; out[i].dir = view[i].dir; out[i].behind = view[i].behind;
    out[i].n = number
}

inline forget(i) {
    out[i].kind = nothing; out[i].dir = 0; out[i].n = 0; out[i].p = 0; out[i].to = 0;
    out[i].under = 0; out[i].bad = false; out[i].behind = false
}

inline outsiders(j) {              /* nothing new is wrapped to who is out */
    if
    :: !has(members, j) || !stands(j, mark) ->
        late[j] = late[j] | bit(n);
        assert(!has(to[n], j))
    :: else
    fi
}

#define deciding(i) (out[i].kind == remove || out[i].kind == sync || out[i].kind == rotate)
#define own_mark(i) ((out[i].kind == remove || out[i].kind == sync) -> control : max(control, channel))

#ifdef NO_WATERMARK
#define judged_at(i) (out[i].dir)
#define too_old(i) false
#else
#define judged_at(i) mark
#define too_old(i) (out[i].dir < own_mark(i))
#endif
#ifdef NO_COMPARE
#define disturbed(i) false
#else
#define disturbed(i) (out[i].behind)
#endif
#ifdef NO_STALE_EPOCH
#define pending false
#else
#define pending ((to[n] & ~recips(members, w)) != 0)
#endif
#ifdef RETIRE_EARLY
#define passed(i) true
#else
#define passed(i) (view[i].control >= rekeyed[i] && \
    !unread(i, 2) && !unread(i, 3) && !unread(i, 4))
#endif

inline judge(i) {                  /* the server holds one entry against the rules */
    mark = max(own_mark(i), out[i].dir);
    w = judged_at(i);
    if
    :: deciding(i) && too_old(i)
    :: deciding(i) && disturbed(i)
    :: out[i].kind != reveal && (closed || !has(members, i) || !stands(i, w))
    :: out[i].kind == reveal && closed && has(to[out[i].n], i) ->
        revealed = revealed | bit(out[i].n); follow()
    :: else ->
        if
        :: out[i].kind == remove && has(members, out[i].n) ->
            assert(!out[i].behind);
            members = members & ~bit(out[i].n);
            due = due || has(to[n], out[i].n);
            control = mark; decided()
        :: out[i].kind == sync && out[i].dir > control ->
            assert(!out[i].behind);
            control = mark; decided()
        :: out[i].kind == rotate && out[i].n == n + 1 && out[i].to == recips(members, w) &&
           out[i].under == keys(members, w) && has(out[i].to, i) ->
            assert(!out[i].behind);
            n = out[i].n; to[n] = out[i].to; under[n] = out[i].under; link[n] = out[i].p;
            bad[n] = out[i].bad; due = false; channel = mark;
            outsiders(0); outsiders(1); outsiders(2);
            learn(i, n);
            decided()
        :: out[i].kind == message && out[i].n == n && !pending ->
            assert(!bad[n]);       /* nobody seals under what does not recompute */
            said_while_due = said_while_due || due || (to[n] & ~recips(members, mark)) != 0;
            channel = mark
        :: out[i].kind == close -> closed = true; decided()
        :: else
        fi
    fi;
    forget(i)
}

inline fetch(i, e) {               /* the wrap of an epoch that the log shows */
    if
    :: doubted(e) -> tried[i] = tried[i] | bit(e)
    :: else ->
        assert(!has(to[e], i) || has(under[e], i) || old_key[i]);
        learn(i, e)
    fi
}

inline link_newest(i) {            /* p: the newest epoch that opens here, and is good */
    k = view[i].n;
    do
    :: k > 0 && (!has(knows[i], k) || doubted(k)) -> k--
    :: else -> break
    od;
    out[i].p = k
}

inline member(i) {
    if
    /* reads log and directory; member 1 is slow to fetch what is wrapped to it */
    :: has(members, i) && stands(i, directory) && (view[i].behind || view[i].closed != closed ||
       view[i].channel != channel || view[i].dir < directory) ->
        view[i].members = members; view[i].n = n; view[i].closed = closed;
        view[i].control = control; view[i].channel = channel; view[i].behind = false;
        view[i].dir = directory;
        if
        :: i != 1 && unread(i, n) -> fetch(i, n)
        :: else
        fi
    :: unread(i, 2) -> fetch(i, 2)
    :: unread(i, 3) -> fetch(i, 3)
    :: unread(i, 4) -> fetch(i, 4)
    /* a new box key, and the end of the first one */
    :: i == 1 && rekeys > 0 && stands(i, directory) && !closed && view[i].dir == directory ->
        rekeys--; directory++; rekeyed[i] = directory; view[i].dir = directory
    :: i == 1 && rekeyed[i] != 0 && old_key[i] && passed(i) -> old_key[i] = false
    /* signs: a client names a loss before anything else, and seals nothing while a rotate is due */
    :: i == 0 && free(i) && removals > 0 ->
        removals--;
        if :: sign(i, remove, 1) :: sign(i, remove, 2) fi
    :: free(i) && sees_lost(i) -> sign(i, sync, 0)
    :: free(i) && !sees_lost(i) && view[i].n < LAST ->
        sign(i, rotate, view[i].n + 1);
        link_newest(i);
        out[i].to = recips(view[i].members, view[i].dir);
        out[i].under = keys(view[i].members, view[i].dir);
        if :: i == 2 && lies > 0 -> lies--; out[i].bad = true :: true fi
    :: i == 1 && free(i) && !sees_lost(i) && !sees_due(i) && has(knows[i], view[i].n) &&
       !doubted(view[i].n) -> sign(i, message, view[i].n)
    :: i == 0 && free(i) -> sign(i, close, 0)
    :: out[i].kind == nothing && view[i].closed && owed(i) > 0 -> sign(i, reveal, owed(i))
    fi
}

active proctype world() {
    atomic {
        to[1] = 7; knows[0] = 2; knows[1] = 2; knows[2] = 2;
        view[0].members = 7; view[0].n = 1; view[0].control = 1; view[0].channel = 1; view[0].dir = 1;
        view[1].members = 7; view[1].n = 1; view[1].control = 1; view[1].channel = 1; view[1].dir = 1;
        view[2].members = 7; view[2].n = 1; view[2].control = 1; view[2].channel = 1; view[2].dir = 1;
        out[0].kind = nothing; out[1].kind = nothing; out[2].kind = nothing;
        old_key[0] = true; old_key[1] = true; old_key[2] = true
    }
    do
    :: atomic { member(0) }
    :: atomic { member(1) }
    :: atomic { member(2) }
    :: atomic { out[0].kind != nothing -> judge(0) }
    :: atomic { out[1].kind != nothing -> judge(1) }
    :: atomic { out[2].kind != nothing -> judge(2) }
    :: atomic { losses > 0 && out[0].kind != nothing -> losses--; forget(0) }
    :: atomic { losses > 0 && out[1].kind != nothing -> losses--; forget(1) }
    :: atomic { losses > 0 && out[2].kind != nothing -> losses--; forget(2) }
    :: atomic { revocations > 0 && !closed -> revocations--; directory++; revoked[2] = directory }
    /* all that can be revealed is revealed: every good epoch must be reached */
    :: atomic { closed && settled(0) && settled(1) && settled(2) ->
        assert(good(1) && good(2) && good(3) && good(4)); break }
    od
}

/* no message is valid between a removal (or a revocation that the log named) and the next rotate */
ltl held_back { [] !said_while_due }
/* who is out opens no epoch made since */
ltl out_stays_out { [] ((knows[1] & late[1]) == 0 && (knows[2] & late[2]) == 0) }
