package journeypeer;

import java.util.Map;
import org.apache.kafka.streams.Topology;

/** What is measured: a topology over the touchpoints that publishes transitions, and the topics between its processors. */
public interface Peer {
    /** By the last part of its name (`<application>-<this>`): how many partitions it has. Every record of one is `Progress.sent` and `done`. */
    Map<String, Integer> between(int partitions);

    Topology topology(String touchpoints, String application, String transitions);
}
