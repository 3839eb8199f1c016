package journeypeer.same;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import journeypeer.Progress;
import journeypeer.Touchpoint;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * By subject: keeps each touchpoint once, takes back what is retracted, and passes what changed on to the deal or account, to the links,
 * and to the person that the subject is an id of. By id besides: what comes by way of deals and accounts, and whose the id is.
 */
final class Subjects {
    /** The stores that both processors share, partitioned by subject. */
    static final String TOUCHPOINTS = "touchpoints", NAMES = "names", THROUGH = "through";

    private static final int DIGEST = 16;
    private static final byte VOID = 1, THERE = 2;

    static boolean isPerson(String subject) {
        return subject.startsWith("user:") || subject.startsWith("anon:");
    }

    /** What both processors do. */
    private abstract static class Shared implements Processor<String, byte[], String, byte[]> {
        protected ProcessorContext<String, byte[]> context;
        protected KeyValueStore<Bytes, byte[]> touchpoints;
        protected KeyValueStore<String, String> names;
        protected KeyValueStore<Bytes, byte[]> through;

        @Override
        public void init(ProcessorContext<String, byte[]> context) {
            this.context = context;
            touchpoints = context.getStateStore(TOUCHPOINTS);
            names = context.getStateStore(NAMES);
            through = context.getStateStore(THROUGH);
        }

        protected String nameOf(String id) {
            String name = names.get(id);
            return name == null ? id : name;
        }

        protected void send(String to, String key, Move move, long timestamp) {
            Progress.sent();
            context.forward(new Record<>(key, move.bytes(), timestamp), to);
        }
    }

    /** Touchpoints as they come. */
    static final class Arrivals extends Shared {
        private static final ObjectReader READER = new ObjectMapper().readerFor(Touchpoint.class);
        private final MessageDigest digests = digests();

        @Override
        public void process(Record<String, byte[]> record) {
            Progress.inHand();
            Touch touch;
            try {
                touch = Touch.of(READER.readValue(record.value()));
            } catch (IOException error) {
                throw new UncheckedIOException(error);
            }
            arrive(touch, digests.digest(record.value()), record.timestamp());
            Progress.arrived();
        }

        private void arrive(Touch touch, byte[] digest, long timestamp) {
            if (touch.type.equals("retracted")) {
                Bytes key = Binary.key(touch.subject, touch.texts[Touch.OF_SOURCE], touch.texts[Touch.OF_ID]);
                byte[] stored = touchpoints.get(key);
                if (stored == null) {
                    touchpoints.put(key, new byte[] {VOID});
                } else if ((stored[0] & VOID) == 0) {
                    Touch taken = touchOf(stored);
                    if (!taken.type.equals("retracted")) {
                        stored[0] |= VOID;
                        touchpoints.put(key, stored);
                        pass(Move.REMOVE, taken, timestamp);
                    }
                }
            }
            Bytes key = Binary.key(touch.subject, touch.source, touch.id);
            byte[] stored = touchpoints.get(key);
            byte[] body = touch.bytes();
            boolean isVoid = stored != null && (stored[0] & VOID) != 0 && !touch.type.equals("retracted");
            if (stored != null && (stored[0] & THERE) != 0) {
                Touch before = touchOf(stored);
                int order = Long.compare(touch.at, before.at);
                if (order == 0) order = Arrays.compareUnsigned(digest, 0, DIGEST, stored, 1, 1 + DIGEST);
                if (order >= 0) return; // the same again, or a body that does not count
                touchpoints.put(key, value(isVoid, digest, body));
                if (isVoid) return;
                pass(Move.REMOVE, before, timestamp);
                pass(Move.ADD, touch, timestamp);
                return;
            }
            touchpoints.put(key, value(isVoid, digest, body));
            if (!isVoid) pass(Move.ADD, touch, timestamp);
        }

        private void pass(byte what, Touch touch, long timestamp) {
            if (touch.type.equals("retracted")) return;
            Move move = Move.of(what, touch.subject, "", touch);
            if (touch.isLink()) {
                send(Same.LINKS, "", move, timestamp);
                return;
            }
            String group = touch.group();
            if (group != null) send(Same.GROUPS, group, move, timestamp);
            if (isPerson(touch.subject)) send(Same.PERSONS, nameOf(touch.subject), move, timestamp);
        }

        private static byte[] value(boolean isVoid, byte[] digest, byte[] body) {
            byte[] value = new byte[1 + DIGEST + body.length];
            value[0] = (byte) (THERE | (isVoid ? VOID : 0));
            System.arraycopy(digest, 0, value, 1, DIGEST);
            System.arraycopy(body, 0, value, 1 + DIGEST, body.length);
            return value;
        }
    }

    /** What comes back by id: touchpoints of deals and accounts, and the names of persons. */
    static final class ById extends Shared {
        @Override
        public void process(Record<String, byte[]> record) {
            Move move = Move.read(record.value());
            String id = record.key();
            if (move.what() == Move.ASSIGN) {
                assign(id, move.name(), record.timestamp());
            } else if (move.what() == Move.LEAVE) {
                String group = move.name();
                List<Move.Entry> gone = new ArrayList<>();
                List<Bytes> keys = new ArrayList<>();
                try (KeyValueIterator<Bytes, byte[]> all = through.range(
                        Binary.key(id, group), Binary.end(id + '\0' + group))) {
                    while (all.hasNext()) {
                        KeyValue<Bytes, byte[]> one = all.next();
                        keys.add(one.key);
                        gone.add(new Move.Entry(group, Touch.read(one.value)));
                    }
                }
                keys.forEach(through::delete);
                if (!gone.isEmpty()) send(Same.PERSONS, nameOf(id), new Move(Move.REMOVE, id, gone, ""), record.timestamp());
            } else {
                for (Move.Entry one : move.entries()) {
                    Touch touch = one.touch();
                    Bytes key = Binary.key(id, one.group(), touch.source, touch.id, touch.subject);
                    if (move.what() == Move.ADD) through.put(key, touch.bytes());
                    else through.delete(key);
                }
                send(Same.PERSONS, nameOf(id), move, record.timestamp());
            }
            Progress.done(context);
        }

        /** All that `id` brings moves from the person that it was to the one that it is. */
        private void assign(String id, String name, long timestamp) {
            String before = nameOf(id);
            if (before.equals(name)) return;
            names.put(id, name);
            List<Move.Entry> all = new ArrayList<>();
            try (KeyValueIterator<Bytes, byte[]> own = touchpoints.range(Binary.key(id), Binary.end(id))) {
                while (own.hasNext()) {
                    byte[] stored = own.next().value;
                    if (stored[0] != THERE) continue;
                    Touch touch = touchOf(stored);
                    if (!touch.isLink() && !touch.type.equals("retracted")) all.add(new Move.Entry("", touch));
                }
            }
            try (KeyValueIterator<Bytes, byte[]> more = through.range(Binary.key(id), Binary.end(id))) {
                while (more.hasNext()) {
                    KeyValue<Bytes, byte[]> one = more.next();
                    String group = new String(one.key.get(), StandardCharsets.UTF_8).split("\0", 3)[1];
                    all.add(new Move.Entry(group, Touch.read(one.value)));
                }
            }
            if (all.isEmpty()) return;
            send(Same.PERSONS, before, new Move(Move.DROP, id, List.of(), ""), timestamp);
            send(Same.PERSONS, name, new Move(Move.ADD, id, all, ""), timestamp);
        }
    }

    private static Touch touchOf(byte[] stored) {
        return Touch.read(Arrays.copyOfRange(stored, 1 + DIGEST, stored.length));
    }

    private static MessageDigest digests() {
        try {
            return MessageDigest.getInstance("MD5");
        } catch (NoSuchAlgorithmException error) {
            throw new IllegalStateException(error);
        }
    }

    private Subjects() {}
}
