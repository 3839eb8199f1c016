package journeypeer.same;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import journeypeer.Progress;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * By deal: what happens in it happens to all who take part, whenever they come to be named. By account: what is said of it is said to all
 * who ever joined it; to nobody, where those are too many.
 */
final class Groups implements Processor<String, byte[], String, byte[]> {
    static final String TOUCHPOINTS = "group-touchpoints", PEOPLE = "group-people";

    private static final int ACCOUNT_PEOPLE_MAX = 200;

    private ProcessorContext<String, byte[]> context;
    private KeyValueStore<Bytes, byte[]> touchpoints;
    private KeyValueStore<String, byte[]> people;

    @Override
    public void init(ProcessorContext<String, byte[]> context) {
        this.context = context;
        touchpoints = context.getStateStore(TOUCHPOINTS);
        people = context.getStateStore(PEOPLE);
    }

    @Override
    public void process(Record<String, byte[]> record) {
        Move move = Move.read(record.value());
        String group = record.key();
        Touch touch = move.entries().get(0).touch();
        Map<String, Integer> taking = taking(group);
        List<String> named = touch.named();
        boolean added = move.what() == Move.ADD, shared = !touch.joinsAccount();
        if (shared) {
            Bytes key = Binary.key(group, touch.source, touch.id, touch.subject);
            if (added) touchpoints.put(key, touch.bytes());
            else touchpoints.delete(key);
        }
        Set<String> before = sharing(group, taking);
        for (String id : named) {
            if (taking.merge(id, added ? 1 : -1, Integer::sum) == 0) taking.remove(id);
        }
        Set<String> after = named.isEmpty() ? before : sharing(group, taking);
        for (String id : before) {
            if (!after.contains(id)) send(id, new Move(Move.LEAVE, id, List.of(), group), record);
            else if (shared && !id.equals(touch.subject)) send(id, Move.of(move.what(), id, group, touch), record);
        }
        for (String id : after) {
            if (before.contains(id)) continue;
            List<Move.Entry> all = new ArrayList<>();
            for (Touch one : all(group)) if (!one.subject.equals(id)) all.add(new Move.Entry(group, one));
            if (!all.isEmpty()) send(id, new Move(Move.ADD, id, all, ""), record);
        }
        if (!named.isEmpty()) people.put(group, written(taking));
        Progress.done(context);
    }

    /** Whose histories hold what the group shares. */
    private static Set<String> sharing(String group, Map<String, Integer> taking) {
        return group.startsWith("account:") && taking.size() > ACCOUNT_PEOPLE_MAX ? Set.of() : Set.copyOf(taking.keySet());
    }

    private void send(String id, Move move, Record<String, byte[]> record) {
        Progress.sent();
        context.forward(new Record<>(id, move.bytes(), record.timestamp()));
    }

    private List<Touch> all(String group) {
        List<Touch> found = new ArrayList<>();
        try (KeyValueIterator<Bytes, byte[]> all = touchpoints.range(Binary.key(group), Binary.end(group))) {
            while (all.hasNext()) found.add(Touch.read(all.next().value));
        }
        return found;
    }

    private Map<String, Integer> taking(String group) {
        byte[] stored = people.get(group);
        if (stored == null) return new TreeMap<>();
        return Binary.read(stored, in -> {
            Map<String, Integer> found = new TreeMap<>();
            for (int left = in.readInt(); left > 0; left--) found.put(in.readUTF(), in.readInt());
            return found;
        });
    }

    private static byte[] written(Map<String, Integer> taking) {
        return Binary.written(out -> {
            out.writeInt(taking.size());
            for (Map.Entry<String, Integer> one : taking.entrySet()) {
                out.writeUTF(one.getKey());
                out.writeInt(one.getValue());
            }
        });
    }
}
