package journeypeer.same;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import journeypeer.Progress;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;

/** By deal: what happens in it happens to all who take part, whenever they come to be named. */
final class Deals implements Processor<String, byte[], String, byte[]> {
    static final String TOUCHPOINTS = "deal-touchpoints", PEOPLE = "deal-people";

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
        String deal = record.key();
        Touch touch = move.entries().get(0).touch();
        Map<String, Integer> taking = taking(deal);
        Bytes key = Binary.key(deal, touch.source, touch.id, touch.subject);
        List<String> named = touch.named();
        if (move.what() == Move.ADD) {
            touchpoints.put(key, touch.bytes());
            for (String id : taking.keySet()) if (!id.equals(touch.subject)) send(id, Move.of(Move.ADD, id, deal, touch), record);
            List<String> fresh = new ArrayList<>();
            for (String id : named) if (taking.merge(id, 1, Integer::sum) == 1) fresh.add(id);
            for (String id : fresh) {
                List<Move.Entry> all = new ArrayList<>();
                for (Touch one : all(deal)) if (!one.subject.equals(id)) all.add(new Move.Entry(deal, one));
                if (!all.isEmpty()) send(id, new Move(Move.ADD, id, all, ""), record);
            }
        } else {
            touchpoints.delete(key);
            for (String id : named) {
                if (taking.merge(id, -1, Integer::sum) > 0) continue;
                taking.remove(id);
                send(id, new Move(Move.LEAVE, id, List.of(), deal), record);
            }
            for (String id : taking.keySet()) if (!id.equals(touch.subject)) send(id, Move.of(Move.REMOVE, id, deal, touch), record);
        }
        if (!named.isEmpty()) people.put(deal, written(taking));
        Progress.done(context);
    }

    private void send(String id, Move move, Record<String, byte[]> record) {
        Progress.sent();
        context.forward(new Record<>(id, move.bytes(), record.timestamp()));
    }

    private List<Touch> all(String deal) {
        List<Touch> found = new ArrayList<>();
        try (KeyValueIterator<Bytes, byte[]> all = touchpoints.range(Binary.key(deal), Binary.end(deal))) {
            while (all.hasNext()) found.add(Touch.read(all.next().value));
        }
        return found;
    }

    private Map<String, Integer> taking(String deal) {
        byte[] stored = people.get(deal);
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
