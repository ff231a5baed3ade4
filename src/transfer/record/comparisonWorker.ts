/** What a `ComparisonThread` runs. */
import { answerRequests } from '../../threads/answers.ts';
import { compare } from './comparison.ts';

answerRequests(compare);
